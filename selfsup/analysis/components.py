"""A catalogue on its principal components, each of variance 1: where galaxies are compared by all of them alike.

Of the embeddings one batch at a time is in memory, and of N galaxies only what is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from selfsup.analysis.projection import Components, principal_components
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError, DataError

Passing = Callable[[Catalogue], Iterable[Catalogue]]
"""How a catalogue is gone through: in batches."""
_NOTHING = 1e-10
"""A component with less of the first one's variance is rounding, which would be blown up."""


@dataclass(frozen=True)
class Whitened:
    """The change to K components of variance 1.

    Args:
        components: of the embeddings.
    """

    components: Components

    @property
    def count(self) -> int:
        """K."""
        return len(self.components.axes)

    def __call__(self, embedding: np.ndarray) -> np.ndarray:
        """(n, D) -> (n, K) float32."""
        position: np.ndarray = self.components(embedding) / np.sqrt(self.components.variance)
        return position.astype(np.float32)


@dataclass(frozen=True)
class Field:
    """Galaxies and where they are.

    Args:
        ids: of N galaxies, in Arrow, which needs a tenth of what Python's own texts do.
        position: (N, K) float32.
    """

    ids: pa.ChunkedArray
    position: np.ndarray


def whiten(parts: Iterable[np.ndarray], count: int) -> Whitened:
    """Embeddings, (n, D) at a time -> at most `count` components; those along which nothing varies are left out.

    Raises:
        ConfigError: `count` is below 1.
        DataError: there are fewer than two galaxies, or all are the same.
    """
    if count < 1:
        raise ConfigError(f"task.components={count}: write 1 or more, e.g. 40")
    found = principal_components(parts, count)
    if not found.variance[0] > 0:
        raise DataError("the embeddings are all the same: nothing tells the galaxies apart; embed them again.")
    kept = found.variance > _NOTHING * found.variance[0]
    return Whitened(Components(found.mean, found.axes[kept], found.variance[kept], found.total))


def reduce(catalogue: Catalogue, count: int, batches: Passing) -> Field:
    """The galaxies of a catalogue on at most `count` components, found from all; errors as above."""
    change = whiten((part.embedding() for part in batches(catalogue)), count)
    position = np.empty((len(catalogue), change.count), dtype=np.float32)
    ids, start = [], 0
    for part in batches(catalogue):
        position[start : start + len(part)] = change(part.embedding())
        ids.append(pa.array(part.ids, pa.string()))
        start += len(part)
    return Field(pa.chunked_array(ids, pa.string()), position)
