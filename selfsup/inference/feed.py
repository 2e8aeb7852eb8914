"""The pictures of one shard on their way to a network: made ahead of it, and what is noted of them on the way."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import TypeVar

import numpy as np
import torch

from selfsup.data.colour import measure_colour
from selfsup.data.decode import Unreadable
from selfsup.data.packing import Fault
from selfsup.data.pictures import Pictures
from selfsup.types import Batch

T = TypeVar("T")
AHEAD = 2
"""Batches that wait: one that is being made while another is on its way."""


class Feed:
    """Batches of the readable pictures of some rows; to be gone through once.

    Args:
        pictures: of all galaxies.
        rows: of the shard, ascending.
        batch_size: pictures of a batch.
    """

    def __init__(self, pictures: Pictures, rows: Sequence[int], batch_size: int) -> None:
        self.pictures, self.rows, self.batch_size = pictures, rows, batch_size
        self.kept: list[int] = []
        self.unreadable: list[Fault] = []
        self._colours: list[np.ndarray] = []

    def __iter__(self) -> Iterator[Batch]:
        """Images are uint8 (B, C, H, W) in channels-last order."""
        with closing(ahead(self._batches(), AHEAD)) as batches:
            yield from batches

    @property
    def colour(self) -> np.ndarray:
        """(n,) of the pictures that were kept, as `measure_colour`."""
        return np.concatenate([np.empty(0), *self._colours])

    def _batches(self) -> Generator[Batch, None, None]:
        with closing(self._readable()) as readable:
            while part := list(islice(readable, self.batch_size)):
                rows, pixels = [row for row, _ in part], np.stack([picture for _, picture in part])
                self.kept += rows
                self._colours.append(measure_colour(pixels, np.arange(len(pixels))))
                ids = [self.pictures.ids[row] for row in rows]
                yield Batch(id=ids, image=torch.from_numpy(pixels).permute(0, 3, 1, 2))

    def _readable(self) -> Generator[tuple[int, np.ndarray], None, None]:
        with closing(self.pictures.some(self.rows)) as drawn:
            for row, picture in zip(self.rows, drawn, strict=True):
                if isinstance(picture, Unreadable):
                    self.unreadable.append((self.pictures.ids[row], self.pictures.origin(row), picture.reason))
                else:
                    yield row, picture


def ahead(items: Generator[T, None, None], count: int) -> Generator[T, None, None]:
    """The same items in the same order, `count` of them made by another thread before they are asked for."""
    nothing = object()
    with closing(items), ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[T | object]] = deque(pool.submit(next, items, nothing) for _ in range(count))
        while (item := waiting.popleft().result()) is not nothing:
            waiting.append(pool.submit(next, items, nothing))
            yield item  # type: ignore[misc]
