"""A galaxy takes the class of its nearest training galaxies: no parameter is fitted, so the geometry itself is scored.

Wu et al. 2018 (arXiv:1805.01978, section 3.4): L2-normalised embeddings, the k largest cosine similarities s_i, and a
vote of weight exp(s_i / T) for the class of each; T = 0.07 and k in {10, 20, 100, 200} as in DINO (Caron et al. 2021,
arXiv:2104.14294). Deviation: DINO reports the k that is best on test. Here k is chosen on a validation part of train.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from selfsup.catalogue import Catalogue
from selfsup.probes.base import CatalogueProbe, Scores
from selfsup.probes.confusion import accuracy, balanced_accuracy, confusion_counts
from selfsup.probes.predictions import Predictions, chances
from selfsup.probes.rows import Rows, read_classes
from selfsup.probes.split import inner_validation, require_positive, require_share
from selfsup.types import ConfigError, DataError

_BLOCK = 8
"""Columns of which the largest is found first: one pass in vector instructions instead of eight of comparisons."""


class KNN(CatalogueProbe):
    """Weighted k-nearest-neighbour classification.

    Metrics: `accuracy` and `balanced_accuracy` at the chosen `k`, and both for every k (`accuracy_k20`).

    Args:
        column: column of classes.
        ks: numbers of neighbours to try; those above the number of labelled train galaxies are left out.
        temperature: T, in units of cosine similarity; smaller trusts the nearest more.
        validation_share: share of each class of train that is held out to choose k.
        chunk_rows: galaxies compared with all of train at once; bounds the memory, does not change the scores.
    """

    def __init__(
        self, column: str, ks: Sequence[int], temperature: float, validation_share: float, chunk_rows: int
    ) -> None:
        if temperature <= 0 or chunk_rows < 1:
            raise ConfigError(
                f"probe.knn.temperature={temperature} must be above 0, probe.knn.chunk_rows={chunk_rows} at least 1: "
                f"write probe.knn.temperature=0.07 probe.knn.chunk_rows=512."
            )
        self.column = column
        self.ks = [int(k) for k in require_positive(ks, "probe.knn.ks")]
        self.temperature = float(temperature)
        self.validation_share = require_share(validation_share, "probe.knn.validation_share")
        self.chunk_rows = chunk_rows

    def __call__(self, train: Catalogue, test: Catalogue) -> Scores:
        """Score the neighbourhoods of test galaxies in train.

        Raises:
            DataError: the column is missing or has a single class, or train has fewer galaxies than every k.
        """
        fit, score, classes = read_classes(train, test, self.column, "probe.knn.column")
        ks = [k for k in self.ks if k <= len(fit.ids)]
        if not ks:
            raise DataError(
                f"The train catalogue has {len(fit.ids)} galaxies with a '{self.column}', fewer than every k in "
                f"probe.knn.ks={self.ks}. Add a smaller k, or use more galaxies."
            )
        one_hot = np.eye(len(classes), dtype=np.float32)[fit.target]
        chosen = self._choose_k(fit, one_hot, ks)
        votes = self._votes(fit.features, one_hot, score.features, ks)
        confusions = _confusions(votes, score.target)
        best = confusions[chosen]
        metrics = {"accuracy": accuracy(best), "balanced_accuracy": balanced_accuracy(best), "k": float(chosen)}
        metrics |= {f"accuracy_k{k}": accuracy(counts) for k, counts in confusions.items()}
        metrics |= {f"balanced_accuracy_k{k}": balanced_accuracy(counts) for k, counts in confusions.items()}
        said = chances(self.column, classes, votes[chosen] / votes[chosen].sum(axis=1, keepdims=True))
        return Scores(metrics, confusion=best, classes=classes, predictions=Predictions(score.ids, said))

    def _choose_k(self, fit: Rows, one_hot: np.ndarray, ks: list[int]) -> int:
        held_out = inner_validation(fit.ids, fit.target, self.validation_share)
        # A k that only all of train can offer is reported, but cannot be tried on what is left of it.
        candidates = [k for k in ks if k <= (~held_out).sum()]
        if len(candidates) < 2:
            return ks[0]
        x, true = fit.features, fit.target
        votes = self._votes(x[~held_out], one_hot[~held_out], x[held_out], candidates)
        tried = _confusions(votes, true[held_out])
        # `max` takes the first of equals: the smallest k.
        return max(candidates, key=lambda k: balanced_accuracy(tried[k]))

    def _votes(
        self, bank: np.ndarray, one_hot: np.ndarray, queries: np.ndarray, ks: list[int]
    ) -> dict[int, np.ndarray]:
        """For each k the (N, K) votes for each class."""
        votes = np.concatenate(list(self._chunks(_normalised(bank), one_hot, _normalised(queries), ks)))
        return {k: votes[:, i] for i, k in enumerate(ks)}

    def _chunks(
        self, bank: np.ndarray, one_hot: np.ndarray, queries: np.ndarray, ks: list[int]
    ) -> Iterator[np.ndarray]:
        """Chunk after chunk of (B, number of ks, K) votes."""
        most = ks[-1]
        for start in range(0, len(queries), self.chunk_rows):
            similarity = queries[start : start + self.chunk_rows] @ bank.T
            nearest, values = largest(similarity, most)
            # Weights relative to the nearest one: the same vote, and no overflow however small the temperature.
            weight = np.exp((values - values[:, :1]) / self.temperature)
            yield np.cumsum(weight[:, :, None] * one_hot[nearest], axis=1)[:, np.array(ks) - 1]


def largest(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(B, N) -> (B, count) columns of the largest of each row, the largest first, and their values."""
    columns = None
    if values.shape[1] > _BLOCK * count:
        # Columns in blocks: where there is one of the `count` largest, there is one of the `count` largest of blocks.
        blocks = values.shape[1] // _BLOCK
        tops = values[:, : blocks * _BLOCK].reshape(len(values), _BLOCK, blocks).max(axis=1)
        best = _partition(tops, count)[:, None, :] + blocks * np.arange(_BLOCK)[:, None]
        rest = np.arange(blocks * _BLOCK, values.shape[1])
        columns = np.hstack([best.reshape(len(values), -1), np.broadcast_to(rest, (len(values), len(rest)))])
        values = np.take_along_axis(values, columns, axis=1)
    found = _partition(values, count)
    found = np.take_along_axis(found, np.argsort(-np.take_along_axis(values, found, axis=1), axis=1, kind="stable"), 1)
    values = np.take_along_axis(values, found, axis=1)
    return found if columns is None else np.take_along_axis(columns, found, axis=1), values


def _partition(values: np.ndarray, count: int) -> np.ndarray:
    """(B, N) -> (B, count) columns of the largest of each row, in any order."""
    return np.argpartition(values, values.shape[1] - count, axis=1)[:, -count:]


def _confusions(votes: dict[int, np.ndarray], true: np.ndarray) -> dict[int, np.ndarray]:
    """For each k (N, K) votes, and (N,) classes -> for each k (K, K) counts."""
    return {k: confusion_counts(true, each.argmax(axis=1), each.shape[1]) for k, each in votes.items()}


def _normalised(features: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(features, axis=1, keepdims=True)
    unit: np.ndarray = features / np.maximum(norm, np.finfo(np.float32).tiny)
    return unit
