"""Search by example: are the galaxies nearest to a galaxy of its kind? Nothing is fitted, and train is not looked at.

A galaxy of test is asked for, the others of test are sorted by their distance from it, and those of its class are
relevant. Precision at k is their share among the first k, average precision the mean of the precision at the place of
each relevant one (Manning, Raghavan & Schuetze 2008, "Introduction to Information Retrieval", section 8.4). What a
shuffled catalogue would give is said beside: precision R / M on average, where R of M others are relevant, and average
precision (Bestgen 2015, doi:10.1515/pralin-2015-0003, here derived from E[I_i I_j] = R (R - 1) / (M (M - 1)))

    H_M / M + (R - 1) / (M - 1) (1 - H_M / M),        H_M = 1 + 1/2 + ... + 1/M.
"""

from collections.abc import Sequence

import numpy as np

from selfsup.analysis.neighbours import distances, require_metric
from selfsup.catalogue import Catalogue
from selfsup.probes.base import CatalogueProbe, Scores
from selfsup.probes.rows import Rows, read_classes, read_numbers
from selfsup.probes.split import hashed, require_positive
from selfsup.types import ConfigError, DataError

_AT_A_TIME = 128  # queries


class RetrievalProbe(CatalogueProbe):
    """Precision at k and mean average precision of a search by example, over galaxies of test.

    Metrics: `map` and, for each k, `precision_at_<k>`, means over the galaxies that are asked for; `map_chance` and
    `precision_chance` of a shuffled catalogue; `queries`, how many were asked for.

    Args:
        column: of classes, or of numbers where there is a threshold.
        threshold: galaxies whose number is above it are asked for, and relevant; None where the column has classes,
            each of which is asked for.
        ks: lengths of the list; those above the number of other galaxies are left out.
        queries: galaxies that are asked for, at most.
        metric: cosine, euclidean or manhattan.
    """

    def __init__(self, column: str, threshold: float | None, ks: Sequence[int], queries: int, metric: str) -> None:
        if queries < 1:
            raise ConfigError(
                f"probe.retrieval.queries={queries} must be at least 1: write probe.retrieval.queries=1000."
            )
        require_metric(metric)
        self.column, self.threshold, self.queries, self.metric = column, threshold, queries, metric
        self.ks = [int(k) for k in require_positive(ks, "probe.retrieval.ks")]

    def __call__(self, train: Catalogue, test: Catalogue) -> Scores:
        """Score the order of the other galaxies.

        Raises:
            DataError: the column is missing or has no two classes, or no kind has two galaxies in test.
        """
        rows, kind = self._kinds(train, test)
        # By the ids' hashes: equals, of which a collapsed encoder makes all, are then in no order that means anything.
        order = np.argsort(hashed(rows.ids, "retrieval"), kind="stable")
        features, kind = rows.features[order], kind[order]
        members = np.bincount(kind[kind >= 0], minlength=1)
        asked = np.flatnonzero((kind >= 0) & (members[kind] > 1))[: self.queries]
        if not len(asked):
            raise DataError(
                f"No two galaxies of test are of one kind by '{self.column}', so none can be found from another. "
                f"Choose another column with probe.retrieval.column=..., another threshold, or use more galaxies."
            )
        parts = [self._scored(features, kind, asked[at : at + _AT_A_TIME]) for at in range(0, len(asked), _AT_A_TIME)]
        means = {name: float(np.concatenate([part[name] for part in parts]).mean()) for name in parts[0]}
        return Scores({**means, "queries": float(len(asked))})

    def _kinds(self, train: Catalogue, test: Catalogue) -> tuple[Rows, np.ndarray]:
        """Galaxies of test, and (N,) the class of each; -1 for those that are not asked for."""
        if self.threshold is None:
            rows = read_classes(train, test, self.column, "probe.retrieval.column")[1]
            return rows, rows.target
        rows = read_numbers(train, test, [self.column], "probe.retrieval.column")[1]
        return rows, np.where(rows.target[:, 0] > self.threshold, 0, -1)

    def _scored(self, features: np.ndarray, kind: np.ndarray, asked: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> (Q,) its value for each of these queries."""
        far = distances(features[asked], features, self.metric)
        far[np.arange(len(asked)), asked] = -1  # first of all, and left out
        order = np.argsort(far, axis=1, kind="stable")[:, 1:]
        hits = kind[order] == kind[asked][:, None]
        relevant, others = hits.sum(axis=1), hits.shape[1]
        precision = np.cumsum(hits, axis=1) / np.arange(1, others + 1)
        found = {"map": (precision * hits).sum(axis=1) / relevant, "map_chance": chance_of_map(relevant, others)}
        found |= {f"precision_at_{k}": precision[:, k - 1] for k in self.ks if k <= others}
        return found | {"precision_chance": relevant / others}


def chance_of_map(relevant: np.ndarray, others: int) -> np.ndarray:
    """(Q,) numbers R of relevant ones among M others -> (Q,) average precision that a shuffled list has on average."""
    harmonic = (1 / np.arange(1, others + 1)).sum() / others
    return np.asarray(harmonic + (relevant - 1) / max(others - 1, 1) * (1 - harmonic))
