"""The galaxies nearest to a point of embedding space, exactly: every galaxy is looked at, few are remembered.

Cosine compares directions (1 - cos), euclidean and manhattan (sum of the absolute differences, as the similarity search
of Walmsley et al. 2022, MNRAS 513, 1581 does) compare places. The catalogue passes by in batches and a heap keeps the k
nearest. Which galaxies may be among them is estimated by a product of matrices in single precision; what is then said
of these is computed for each by itself in double precision, and equals are ordered by their ids, so that neither the
size of a batch nor the order of the shards changes an answer.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy.spatial.distance import cdist

from selfsup.analysis.rows import BATCH_ROWS, embeddings, numbered
from selfsup.analysis.where import Where
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError

_OF_SCIPY = {"cosine": "sqeuclidean", "euclidean": "euclidean", "manhattan": "cityblock"}
METRICS = tuple(_OF_SCIPY)


class Neighbour(NamedTuple):
    """A galaxy that was found: neighbours are sorted by distance, then by id.

    Args:
        distance: from the query.
        id: of the galaxy.
        row: its number in the catalogue.
    """

    distance: float
    id: str
    row: int


def nearest(
    catalogue: Catalogue,
    queries: np.ndarray,
    count: int,
    metric: str,
    where: Where | None = None,
    batch_rows: int = BATCH_ROWS,
    advance: Callable[[int], None] = lambda _: None,
) -> list[list[Neighbour]]:
    """The `count` galaxies nearest to each query (Q, D), nearest first; fewer where fewer meet the conditions.

    Args:
        catalogue: whose embeddings are looked at.
        queries: points of its embedding space.
        count: of neighbours, at most.
        metric: one of `METRICS`.
        where: conditions that neighbours meet.
        batch_rows: galaxies that are looked at together.
        advance: told how many galaxies have passed by.

    Raises:
        ConfigError: another metric, or queries of another width.
        DataError: an embedding is missing or not finite.
    """
    require_metric(metric)
    require_width(queries, catalogue.dim)
    best: list[list[Neighbour]] = [[] for _ in queries]
    where = where or Where({})
    for start, table in numbered(catalogue, ["embedding", *where.columns], batch_rows):
        meets = np.flatnonzero(where.mask(table))
        points = embeddings(table)[meets]
        for i, some in enumerate(_promising(queries, points, metric, count)):
            far = distances(queries[i : i + 1], points[some], metric)[0]
            best[i] = _merged(best[i], far, table["id"], start, meets[some], count)
        advance(len(table))
    return best


def distances(queries: np.ndarray, points: np.ndarray, metric: str) -> np.ndarray:
    """(Q, D), (n, D) -> (Q, n) float64; cosine is 1 - cos, and 1 from what has no direction."""
    q, x = queries.astype(np.float64), points.astype(np.float64)
    if metric == "cosine":
        q, x = unit(q), unit(x)
    far = np.asarray(cdist(q, x, _OF_SCIPY[metric]))
    if metric == "cosine":
        far /= 2  # 1 - cos = |q - x|^2 / 2 of unit vectors, which near 0 loses no digits
        far[~q.any(1)], far[:, ~x.any(1)] = 1, 1
    return far


def _promising(queries: np.ndarray, points: np.ndarray, metric: str, count: int) -> Iterator[np.ndarray]:
    """(Q, D), (n, D) -> for each query the rows among which its `count` nearest are."""
    if metric == "manhattan" or count >= len(points):
        yield from [np.arange(len(points))] * len(queries)
        return
    q, x = (unit(each) if metric == "cosine" else each for each in (queries, points))
    q, x = q.astype(np.float32), x.astype(np.float32)
    size = np.square(x).sum(axis=1)
    estimates = size - 2 * (q @ x.T)  # less the size of the query, which is the same for all
    for query, row in zip(q, estimates, strict=True):
        # A sum of D products is off by D units in the last place at most (Higham 2002, equation 3.5).
        doubt = 4 * len(query) * np.finfo(np.float32).eps * (size.max() + np.square(query).sum())
        yield np.flatnonzero(row <= np.partition(row, count - 1)[count - 1] + doubt)


def unit(vectors: np.ndarray) -> np.ndarray:
    """(n, D) -> the same directions with length 1; zeros stay zeros."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))


def middle(examples: np.ndarray, metric: str) -> np.ndarray:
    """(n, D) examples of what is looked for -> (D,): the mean of their unit vectors for cosine, else of them."""
    points = examples.astype(np.float64)
    return np.asarray((unit(points) if metric == "cosine" else points).mean(axis=0))


def require_metric(metric: str) -> None:
    """Raise ConfigError unless it is one of `METRICS`."""
    if metric not in METRICS:
        raise ConfigError(f"metric={metric}: there is none such; write {', '.join(METRICS[:-1])} or {METRICS[-1]}")


def require_width(queries: np.ndarray, dim: int) -> None:
    """Raise ConfigError unless queries are (Q, D) finite numbers."""
    if queries.ndim != 2 or queries.shape[1] != dim:
        raise ConfigError(f"queries have the shape {queries.shape}, embeddings are {dim} wide: not of one encoder")
    if not np.isfinite(queries).all():
        raise ConfigError("a query has numbers that are not finite; leave it out")


def _merged(
    best: list[Neighbour], far: np.ndarray, ids: pa.ChunkedArray, start: int, meets: np.ndarray, count: int
) -> list[Neighbour]:
    """The `count` nearest of those known and of the galaxies `start + meets`, which are `far` away."""
    worst = best[-1].distance if len(best) == count else np.inf
    if len(far) > count:
        worst = min(worst, float(np.partition(far, count - 1)[count - 1]))
    near = np.flatnonzero(far <= worst)
    names = ids.take(pa.array(meets[near])).to_pylist()
    new = (Neighbour(float(far[i]), name, int(start + meets[i])) for i, name in zip(near, names, strict=True))
    return heapq.nsmallest(count, [*best, *new])
