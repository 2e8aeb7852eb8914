"""Rows of HDF5 files as pictures, read as many at a time as one chunk holds.

One by one, each would unpack its whole chunk again, and the library's own choice of chunks spans many rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby, repeat
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.data.decode import MAX_PIXELS, Unreadable, square_of
from selfsup.data.hdf5 import BLOCK_BYTES, images_of, opened_hdf5
from selfsup.data.pictures import Pictures, attempt, length_and_date, within
from selfsup.data.progress import Work
from selfsup.data.source import Galaxies
from selfsup.processors import processors
from selfsup.types import DataError


@dataclass(frozen=True)
class Rows:
    """The images of one file, all of them, in their order.

    Args:
        file: the HDF5 file.
        ids: galaxy of each row.
    """

    file: Path
    ids: list[str]


def parts_of(found: Galaxies) -> list[Rows]:
    """The galaxies of each file, which follow each other."""
    pairs = groupby(zip(found.files, found.ids, strict=True), key=lambda pair: pair[0])
    return [Rows(file, [galaxy for _, galaxy in rows]) for file, rows in pairs]


def square_rgb(row: np.ndarray, size_px: int) -> np.ndarray:
    """A row that is a picture already, (H, W, 3) uint8 -> (size_px, size_px, 3) uint8.

    Raises:
        Unreadable: another shape or type, or too many pixels.
    """
    if row.ndim != 3 or row.shape[2] != 3 or row.dtype != np.uint8 or not 0 < row[..., 0].size <= MAX_PIXELS:
        raise Unreadable(f"{row.shape} {row.dtype} is no picture of three 8-bit colours")
    return square_of(row, size_px)


class Hdf5Pictures(Pictures):
    """Rows of a dataset of the same name in one or more files.

    Args:
        parts: the files.
        name: of the dataset, (N, ...), a row an image.
        picture: a row -> (size_px, size_px, 3) uint8, or Unreadable.
        shown_as: what a picture depends on besides the row.
        size_px: edge of the pictures, in pixels.
    """

    work = Work("packing", "packed", "images")

    def __init__(
        self, parts: Sequence[Rows], name: str, picture: Callable[[np.ndarray], np.ndarray], shown_as: str, size_px: int
    ) -> None:
        super().__init__([galaxy for part in parts for galaxy in part.ids], size_px)
        self.parts, self.name, self.picture, self.shown_as = parts, name, picture, shown_as

    def fingerprint(self) -> Iterator[str]:
        """Changes with an id, a file's path, length or date, or how its rows are shown."""
        yield json.dumps([self.name, self.shown_as])
        for part in self.parts:
            yield json.dumps([str(part.file.resolve()), *length_and_date(part.file), part.ids])

    def some(self, rows: Sequence[int]) -> Generator[np.ndarray | Unreadable, None, None]:
        """The pictures or faults of these rows; a block of rows that cannot be unpacked is as many faults."""
        start = 0
        with ThreadPoolExecutor(processors()) as pool:
            for part in self.parts:
                wanted = [row - start for row in within(rows, start, start + len(part.ids))]
                start += len(part.ids)
                if not wanted:
                    continue
                with opened_hdf5(part.file) as h5:
                    for block in _blocks(images_of(h5, self.name, part.file), len(part.ids), wanted):
                        yield from block if isinstance(block, list) else pool.map(partial(attempt, self.picture), block)

    def origin(self, row: int) -> str:
        """The file and the row in it."""
        for part in self.parts:
            if row < len(part.ids):
                return f"{part.file} row {row}"
            row -= len(part.ids)
        raise IndexError(row)


def _blocks(images: Any, count: int, wanted: Sequence[int]) -> Iterator[np.ndarray | list[Unreadable]]:
    """The wanted rows, those of one chunk at a time; a fault for each of a block that cannot be unpacked."""
    if len(images) != count:
        raise DataError(
            f"{images.file.filename}: {len(images)} images, and {count} when its columns were read; start again"
        )
    fit = max(1, BLOCK_BYTES // (prod(images.shape[1:]) * images.dtype.itemsize))
    step = min(fit, images.chunks[0] if images.chunks else fit)
    for number, rows in groupby(wanted, key=lambda row: row // step):
        places = np.array(list(rows)) - number * step
        try:
            yield images[number * step : (number + 1) * step][places]
        except (OSError, RuntimeError, ValueError) as error:  # of the library: a damaged chunk, or a filter not there
            yield list(repeat(Unreadable(f"cannot be unpacked: {error}"), len(places)))
