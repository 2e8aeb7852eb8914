"""The galaxies nearest to those of a catalogue, by cosine: exactly where few may be found, else through the index.

The exact search takes candidates by a product of matrices in single precision, and ranks them by their distances in
double precision, each computed by itself (`selfsup.analysis.neighbours`), so that asking for one galaxy or for
thousands gives the same answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from selfsup.analysis.index import Effort, Index
from selfsup.analysis.neighbours import distances, unit
from selfsup.catalogue import Catalogue

SHOWN = 24
"""Neighbours of each galaxy."""
_CANDIDATES = 4 * SHOWN
_BATCH_ROWS = 8192
_TOGETHER = 256
"""Galaxies whose similarities to all others are in memory together."""
_DIGITS = 6
Near: TypeAlias = "list[tuple[int, float]]"
"""Rows and cosine similarities, the nearest first."""
Nearest: TypeAlias = "Callable[[Sequence[int]], list[Near]]"
"""Rows -> of each the nearest others."""


class Exactly:
    """All galaxies are looked at; their embeddings are in memory from the first question on.

    Args:
        catalogue: of few galaxies.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue, self._lock = catalogue, threading.Lock()
        self._read: tuple[np.ndarray, np.ndarray] | None = None

    def __call__(self, rows: Sequence[int]) -> list[Near]:
        """The nearest of each of these rows."""
        parts = (rows[start : start + _TOGETHER] for start in range(0, len(rows), _TOGETHER))
        return [found for part in parts for found in self._together(np.asarray(part, dtype=np.int64))]

    def _together(self, rows: np.ndarray) -> list[Near]:
        points, directions = self._points()
        similar = directions[rows] @ directions.T
        count = min(_CANDIDATES + 1, len(points))
        candidates = np.argpartition(-similar, count - 1, axis=1)[:, :count]
        return [self._ranked(int(row), near) for row, near in zip(rows, candidates, strict=True)]

    def _ranked(self, row: int, candidates: np.ndarray) -> Near:
        others = np.sort(candidates[candidates != row])
        far = distances(self._points()[0][[row]], self._points()[0][others], "cosine")[0]
        order = np.argsort(far, kind="stable")[:SHOWN]
        return [(int(others[place]), round(1 - float(far[place]), _DIGITS)) for place in order]

    def _points(self) -> tuple[np.ndarray, np.ndarray]:
        """(N, D) embeddings, and their directions."""
        with self._lock:
            if self._read is None:
                points = np.concatenate([part.embedding() for part in self._catalogue.batches(_BATCH_ROWS)])
                self._read = points, unit(points)
            return self._read


class Indexed:
    """Candidates come from an index.

    Args:
        index: of the catalogue, by cosine.
        embedding: (N, D), as the index keeps them.
        effort: how carefully it is searched.
    """

    def __init__(self, index: Index, embedding: np.ndarray, effort: Effort) -> None:
        self._index, self._embedding, self._effort = index, embedding, effort

    def __call__(self, rows: Sequence[int]) -> list[Near]:
        """The nearest of each of these rows."""
        return [self._of(row) for row in rows]

    def _of(self, row: int) -> Near:
        (found,) = self._index.nearest(np.asarray(self._embedding[[row]]), SHOWN + 1, self._effort)
        others = [(each.row, round(1 - each.distance, _DIGITS)) for each in found if each.row != row]
        return others[:SHOWN]
