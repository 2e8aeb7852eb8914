"""The contract of a source that never ends: galaxies by number, in place of rows of a packed set."""

from __future__ import annotations

from abc import ABC, abstractmethod

from selfsup.types import Batch


class Endless(ABC):
    """Galaxies that nobody has seen before, one for each whole number.

    Args:
        epoch_count: galaxies that are called an epoch; None for as many as the packed set has to learn from.
    """

    def __init__(self, epoch_count: int | None) -> None:
        self.epoch_count = epoch_count

    @abstractmethod
    def __getitem__(self, positions: list[int]) -> Batch:
        """The galaxies at these positions from 0 on, as the packed set's batches are; the same whenever asked."""
