"""Numbers and batches that cannot be learned from, refused by their key before they become a NaN or a traceback."""

from __future__ import annotations

from selfsup.types import ConfigError

COLDEST = 1e-3
"""Temperatures below make a softmax of cosines one-hot in float32; zero and less mean nothing."""


def refuse_outside(low: float, high: float, /, **numbers: float) -> None:
    """Check parameters of an objective: name=number, each within [low, high].

    Raises:
        ConfigError: names the key, the number and the range.
    """
    for name, number in numbers.items():
        if not low <= number <= high:
            raise ConfigError(f"objective.{name}: {number} is outside [{low:g}, {high:g}]; write a number inside")


def refuse_single(galaxies: int) -> None:
    """Check the batch of one process, where the loss needs a variance over galaxies.

    Raises:
        ConfigError: there is one galaxy only.
    """
    if galaxies < 2:
        raise ConfigError(f"trainer.batch_size: {galaxies} galaxy has no variance; write 2 at least")
