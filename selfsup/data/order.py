"""Which galaxies are in which batch: a function of seed and epoch alone, that can start in the middle of an epoch.

So an interrupted training sees every galaxy as often as an uninterrupted one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class BatchOrder(Sampler[list[int]]):
    """Lists of rows, one for each batch; every rank takes its share of each global batch.

    Args:
        count: galaxies in an epoch.
        batch_size: rows per batch and rank; the remainder of an epoch is left out.
        rank: which share of the global batch.
        ranks: how many shares.
    """

    def __init__(self, count: int, batch_size: int, rank: int, ranks: int) -> None:
        self.count, self.batch_size, self.rank, self.ranks = count, batch_size, rank, ranks
        self.epoch = 0
        self.resume_at: tuple[int, int] = (0, 0)
        """(epoch, batches of it that are done)."""

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    @abstractmethod
    def rows_of(self, epoch: int) -> np.ndarray:
        """The rows of an epoch, in the order in which they are drawn."""

    def __len__(self) -> int:
        return self.count // (self.batch_size * self.ranks)

    def __iter__(self) -> Iterator[list[int]]:
        rows = self.rows_of(self.epoch)
        epoch, done = self.resume_at
        size = self.batch_size * self.ranks
        for batch in range(done if epoch == self.epoch else 0, len(self)):
            start = batch * size + self.rank * self.batch_size
            yield rows[start : start + self.batch_size].tolist()


class EpochOrder(BatchOrder):
    """All rows once an epoch, shuffled by (seed, epoch).

    Args:
        rows: the rows to draw from.
        batch_size: rows per batch and rank; the remainder of an epoch is left out, another one each epoch.
        seed: of the order.
        rank: which share of the global batch.
        ranks: how many shares.
    """

    def __init__(self, rows: np.ndarray, batch_size: int, seed: int, rank: int = 0, ranks: int = 1) -> None:
        super().__init__(len(rows), batch_size, rank, ranks)
        self.rows, self.seed = rows, seed

    def rows_of(self, epoch: int) -> np.ndarray:
        """A permutation."""
        return np.random.default_rng([self.seed, epoch]).permutation(self.rows)


class StreamOrder(BatchOrder):
    """Each row once in the whole training: an epoch goes on where the one before it ended, and skips none.

    Args:
        count: galaxies in an epoch.
        batch_size: rows per batch and rank.
        rank: which share of the global batch.
        ranks: how many shares.
    """

    def __init__(self, count: int, batch_size: int, rank: int = 0, ranks: int = 1) -> None:
        super().__init__(count, batch_size, rank, ranks)

    def rows_of(self, epoch: int) -> np.ndarray:
        """Whole numbers in a row."""
        drawn = len(self) * self.batch_size * self.ranks
        return np.arange(epoch * drawn, (epoch + 1) * drawn)
