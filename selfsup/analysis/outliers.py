"""How strange a galaxy is among the others, in three ways; in each, larger is stranger.

- `outlier_knn`: mean distance to the k nearest galaxies (Angiulli and Pizzuti 2002, PKDD).
- `outlier_forest`: how soon random cuts isolate it (isolation forest, Liu et al. 2008, ICDM).
- `outlier_density`: minus the logarithm of the density there, of a mixture of Gaussians: p(x) < epsilon.

All are fitted on a sample, on principal components of variance 1, so that a catalogue of any length is scored in parts.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from selfsup.analysis.components import Passing, whiten
from selfsup.analysis.projection import sample_of
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError, DataError

SCORES = ("outlier_knn", "outlier_forest", "outlier_density")
log = logging.getLogger(__name__)


class Outliers:
    """What is usual in a sample.

    Args:
        sample: (n, K) positions.
        neighbours: k.
        trees: of the forest.
        mixtures: Gaussians.
        max_iter: steps of expectation and maximisation, at most.
        smallest_variance: that is added to each axis of a Gaussian, lest one shrinks to a few galaxies.
        seed: of forest and mixture.

    Raises:
        DataError: the sample has too few galaxies.
    """

    def __init__(
        self,
        sample: np.ndarray,
        *,
        neighbours: int,
        trees: int,
        mixtures: int,
        max_iter: int,
        smallest_variance: float,
        seed: int,
    ) -> None:
        if neighbours < 1 or trees < 1 or mixtures < 1 or max_iter < 1:
            told = f"neighbours={neighbours}, trees={trees}, mixtures={mixtures}, max_iter={max_iter}"
            raise ConfigError(f"task: {told}: each must be 1 or more.")
        if len(sample) < max(neighbours + 1, mixtures, 2):
            raise DataError(
                f"{len(sample)} galaxies for {neighbours} neighbours and {mixtures} mixtures; ask for fewer."
            )
        self._neighbours = NearestNeighbors(n_neighbors=neighbours + 1).fit(sample.astype(np.float64))
        self._forest = IsolationForest(n_estimators=trees, random_state=seed).fit(sample)
        self._mixture = GaussianMixture(mixtures, max_iter=max_iter, reg_covar=smallest_variance, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ConvergenceWarning
            )  # said below: what was reached is a density all the same
            self._mixture.fit(sample.astype(np.float64))
        if not self._mixture.converged_:
            log.warning("outlier_density: %d steps did not settle the %d mixtures", self._mixture.n_iter_, mixtures)

    def __call__(self, position: np.ndarray, member: np.ndarray) -> dict[str, np.ndarray]:
        """(n, K), and (n,) bool whether each is in the sample, its own nearest there -> (n,) float32 of `SCORES`."""
        x = position.astype(np.float64)
        distance = self._neighbours.kneighbors(x)[0]
        nearest = np.where(member[:, None], distance[:, 1:], distance[:, :-1])
        scores = (nearest.mean(axis=1), -self._forest.score_samples(position), -self._mixture.score_samples(x))
        return {name: values.astype(np.float32) for name, values in zip(SCORES, scores, strict=True)}


def score_outliers(
    catalogue: Catalogue, components: int, sample: int, seed: int, batches: Passing, **settings: float
) -> dict[str, np.ndarray]:
    """Every galaxy's scores (N,), after `sample` galaxies drawn at random; these and a batch are in memory.

    Raises:
        ConfigError: a setting below 1.
        DataError: too few galaxies, or embeddings that do not differ.
    """
    if sample < 1:
        raise ConfigError(f"task.sample={sample}: write 1 or more, e.g. 10000.")
    drawn = sample_of(len(catalogue), sample, seed)
    embedding = catalogue.filter(drawn).embedding()
    change = whiten([embedding], components)
    outliers = Outliers(change(embedding), seed=seed, **settings)  # type: ignore[arg-type]
    found = {name: np.empty(len(catalogue), dtype=np.float32) for name in SCORES}
    start = 0
    for part in batches(catalogue):
        here = slice(start, start + len(part))
        for name, values in outliers(change(part.embedding()), drawn[here]).items():
            found[name][here] = values
        start += len(part)
    return found


def rank_correlations(scores: Mapping[str, np.ndarray]) -> np.ndarray:
    """S scores (N,) -> (S, S) Spearman's coefficients; NaN where one does not differ."""
    ranks = np.stack([rankdata(values) for values in scores.values()])
    with np.errstate(invalid="ignore", divide="ignore"):
        found: np.ndarray = np.atleast_2d(np.corrcoef(ranks))
    return found


def beyond(score: np.ndarray, sigmas: float) -> int:
    """How many of (N,) lie so many standard deviations above the mean."""
    return int((score > score.mean() + sigmas * score.std()).sum())
