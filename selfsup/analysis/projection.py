"""Embeddings in fewer directions: principal components of any number of galaxies, and maps of two directions.

Principal components (Pearson 1901; Hotelling 1933) come from the mean and the covariance, summed batch by batch (Chan,
Golub & LeVeque 1983, doi:10.1080/00031305.1983.10483115, eq. 2.1): one pass, in memory that does not grow, and the same
for any batches, where scikit-learn's IncrementalPCA drops after each batch what it cannot keep.

t-SNE (van der Maaten & Hinton 2008, JMLR 9, 2579) and UMAP (McInnes, Healy & Melville 2018, arXiv:1802.03426) lay
galaxies out so that neighbours stay neighbours; what is far apart on such a map need not be far apart in the embedding.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.manifold import TSNE

from selfsup.extras import optional
from selfsup.types import ConfigError, DataError


@dataclass(frozen=True)
class Components:
    """Principal components, the largest first.

    Args:
        mean: (D,) of the embeddings.
        axes: (K, D) of length 1, the largest number of each positive.
        variance: (K,) along each.
        total: variance of all directions.
    """

    mean: np.ndarray
    axes: np.ndarray
    variance: np.ndarray
    total: float

    @property
    def explained(self) -> float:
        """Share of the variance that is along the components."""
        return float(self.variance.sum() / self.total) if self.total > 0 else 0.0

    def __call__(self, embedding: np.ndarray) -> np.ndarray:
        """(N, D) -> (N, K) float64."""
        return np.asarray((embedding.astype(np.float64) - self.mean) @ self.axes.T)


def principal_components(parts: Iterable[np.ndarray], count: int) -> Components:
    """Embeddings, (n, D) at a time -> at most `count` components of all of them.

    Raises:
        DataError: fewer than two galaxies.
    """
    total, mean, scatter = 0, np.zeros(1), np.zeros((1, 1))
    for part in parts:
        values = part.astype(np.float64)
        apart = values.mean(axis=0) - mean
        centred = values - values.mean(axis=0)
        scatter = scatter + centred.T @ centred + np.outer(apart, apart) * (total * len(part) / (total + len(part)))
        mean = mean + apart * (len(part) / (total + len(part)))
        total += len(part)
    if total < 2:
        raise DataError(f"the catalogue has {total} galaxies; principal components need two at least.")
    variance, axes = np.linalg.eigh(scatter / (total - 1))  # the smallest first
    kept = np.arange(len(mean))[::-1][: min(count, total)]
    largest = np.take_along_axis(axes[:, kept], np.abs(axes[:, kept]).argmax(axis=0)[None], axis=0)[0]
    directions = (axes[:, kept] * np.where(largest < 0, -1.0, 1.0)).T  # eigh leaves the sign to chance
    return Components(mean, directions, variance[kept].clip(min=0), float(variance.clip(min=0).sum()))


def sample_of(total: int, most: int, seed: int) -> np.ndarray:
    """(total,) bool, at most `most` of them true, drawn from the seed."""
    inside = np.zeros(total, dtype=bool)
    inside[np.random.default_rng(seed).choice(total, min(most, total), replace=False, shuffle=False)] = True
    return inside


def tsne(points: np.ndarray, perplexity: float, max_iter: int, seed: int) -> np.ndarray:
    """(N, K) -> (N, 2) by Barnes-Hut t-SNE, which begins with the first two components; in the size of the embedding.

    Raises:
        ConfigError: as many neighbours as galaxies, or more.
        DataError: the galaxies are all alike.
    """
    _require(points, perplexity, "task.tsne.perplexity")
    model = TSNE(2, perplexity=perplexity, max_iter=max_iter, init="pca", random_state=seed)
    return np.asarray(model.fit_transform(points.astype(np.float32)))


def umap(points: np.ndarray, n_neighbors: int, min_dist: float, seed: int) -> np.ndarray:
    """(N, K) -> (N, 2) by UMAP, on one thread: with several, the order of its steps and so the map is left to chance.

    Raises:
        ConfigError: umap-learn is not installed, or as many neighbours as galaxies, or more.
        DataError: the galaxies are all alike.
    """
    _require(points, n_neighbors, "task.umap.n_neighbors")
    model = _umap_learn().UMAP(n_neighbors=n_neighbors, min_dist=min_dist, random_state=seed, n_jobs=1)
    return np.asarray(model.fit_transform(points.astype(np.float32)))


def _require(points: np.ndarray, neighbours: float, key: str) -> None:
    if not 1 < neighbours < len(points):
        raise ConfigError(f"{key}={neighbours:g} for a map of {len(points)} galaxies: write more than 1, and fewer")
    if not np.ptp(points, axis=0).any():
        raise DataError(f"the embeddings of {len(points)} galaxies are all alike: there is nothing to lay out.")


def _umap_learn() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # that it has no Tensorflow, which this map does not need
        return optional("umap", "maps")
