"""Images inside tar archives, each read from its place and decoded in threads."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from selfsup.data.decode import MAX_BYTES, Unreadable, decode_image
from selfsup.data.pictures import Pictures, attempt, length_and_date, warnings_refuse
from selfsup.data.progress import Work
from selfsup.processors import processors

_TOGETHER = 256
"""Images that are decoded before the next are read."""


class TarPictures(Pictures):
    """The images of galaxies in archives.

    Args:
        ids: galaxy of each.
        shards: the archives.
        places: (N, 3) int64: number of the archive, first byte, bytes.
        size_px: edge of the decoded pictures, in pixels.
    """

    work = Work("packing", "packed", "images")

    def __init__(self, ids: Sequence[str], shards: Sequence[Path], places: np.ndarray, size_px: int) -> None:
        super().__init__(ids, size_px)
        self.shards, self.places = shards, places

    def fingerprint(self) -> Iterator[str]:
        """Changes with an id, a place, or an archive's path, length or date."""
        for shard in self.shards:
            yield json.dumps([str(shard), *length_and_date(shard)])
        for galaxy, place in zip(self.ids, self.places.tolist(), strict=True):
            yield json.dumps([galaxy, *place])

    def some(self, rows: Sequence[int]) -> Generator[np.ndarray | Unreadable, None, None]:
        """The pictures or faults of these rows."""
        with warnings_refuse(), ThreadPoolExecutor(processors()) as pool:
            for start in range(0, len(rows), _TOGETHER):
                yield from pool.map(partial(attempt, self._read), rows[start : start + _TOGETHER])

    def origin(self, row: int) -> str:
        """The archive and the byte."""
        return f"{self.shards[self.places[row, 0]]} at byte {self.places[row, 1]}"

    def _read(self, row: int) -> np.ndarray:
        shard, offset, size = self.places[row].tolist()
        try:
            with self.shards[shard].open("rb") as stream:
                stream.seek(offset)
                content = stream.read(min(size, MAX_BYTES + 1))
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from error
        return decode_image(content, self.size_px)
