"""What a source hands over to be packed: pictures, in an order, whose ids are known before they are made."""

from __future__ import annotations

import json
import os
import warnings
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np

from selfsup.data.decode import Unreadable, read_image
from selfsup.data.progress import Work
from selfsup.processors import processors

_Source = TypeVar("_Source")
_IN_FLIGHT = 8
"""Images decoded or waiting per thread: enough to keep all busy behind a slow one, and memory does not grow."""


class Pictures(ABC):
    """N pictures, each known by its galaxy's id before it is made.

    Args:
        ids: galaxy of each, no two the same.
        size_px: edge, in pixels.
    """

    work: Work

    def __init__(self, ids: Sequence[str], size_px: int) -> None:
        self.ids, self.size_px = ids, size_px

    def __len__(self) -> int:
        return len(self.ids)

    @abstractmethod
    def fingerprint(self) -> Iterator[str]:
        """Pieces of a text that differs whenever an id or a pixel could."""

    @abstractmethod
    def some(self, rows: Sequence[int]) -> Generator[np.ndarray | Unreadable, None, None]:
        """These pictures (size, size, 3) uint8, or why there is none, made now, on all processors; nothing is kept.

        Args:
            rows: of the pictures, ascending.
        """

    def drawn(self) -> Generator[np.ndarray | Unreadable, None, None]:
        """All of them, to be packed; what takes long to make may outlive an interruption."""
        return self.some(range(len(self)))

    def packed(self) -> None:  # noqa: B027  (most keep nothing)
        """Told when all are in their place: nothing that was kept for a restart is needed any more."""

    @abstractmethod
    def origin(self, row: int) -> str:
        """Where that picture comes from, for an error."""


class FilePictures(Pictures):
    """Image files, decoded in threads: Pillow decodes without holding the interpreter's lock.

    Args:
        ids: galaxy of each file, no two the same.
        files: the images.
        size_px: edge of the decoded pictures, in pixels.
        root: folder that no link among the files may lead out of; None where somebody named each file.
    """

    work = Work("packing", "packed", "images")

    def __init__(self, ids: Sequence[str], files: Sequence[Path], size_px: int, root: Path | None = None) -> None:
        super().__init__(ids, size_px)
        self.files = files
        self.root = None if root is None else root.expanduser().resolve()

    def fingerprint(self) -> Iterator[str]:
        """Changes when an id, a path, a length or a date of any file changes."""
        resolved = {parent: os.path.realpath(parent) for parent in {file.parent for file in self.files}}
        for galaxy, file in zip(self.ids, self.files, strict=True):
            yield json.dumps([galaxy, resolved[file.parent], file.name, *length_and_date(file)])

    def some(self, rows: Sequence[int]) -> Generator[np.ndarray | Unreadable, None, None]:
        """The pixels or faults of these files, never more than a few images ahead."""
        waiting: deque[Future[np.ndarray | Unreadable]] = deque()
        with warnings_refuse(), ThreadPoolExecutor(processors()) as pool:
            for row in rows:
                waiting.append(pool.submit(attempt, self._within_root, self.files[row]))
                if len(waiting) >= _IN_FLIGHT * processors():
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def read(self, file: Path) -> np.ndarray:
        """A file's pixels; called from several threads at once.

        Raises:
            Unreadable: there is no picture in it.
        """
        return read_image(file, self.size_px)

    def origin(self, row: int) -> str:
        """The file; what of its path cannot be printed or written as text is escaped."""
        return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(self.files[row]))

    def _within_root(self, file: Path) -> np.ndarray:
        if self.root is not None and leads_out(file, self.root):
            raise Unreadable(f"a link that leads out of {self.root}")
        return self.read(file)


def leads_out(path: Path, root: Path) -> bool:
    """Whether this is a link to something that is not below a folder."""
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root)


def within(rows: Sequence[int], start: int, stop: int) -> Sequence[int]:
    """Those of ascending rows that are from `start` on and below `stop`."""
    return rows[bisect_left(rows, start) : bisect_left(rows, stop)]


def length_and_date(file: Path) -> tuple[int, int]:
    """Bytes and nanoseconds, which change when a file does; -1 where there is none."""
    try:
        status = file.stat()
    except OSError:  # gone, or a loop of links: whoever reads it says which
        return -1, -1
    return status.st_size, status.st_mtime_ns


@contextmanager
def warnings_refuse() -> Iterator[None]:
    """What Pillow warns of in a file is a reason to leave it out.

    Filters belong to the process: set here, once, they hold in the threads, where setting them would be a race.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", module=r"PIL\.")
        yield


def attempt(read: Callable[[_Source], np.ndarray], source: _Source) -> np.ndarray | Unreadable:
    """What is read of a source (a file, a row, bytes), or why nothing is."""
    try:
        return read(source)
    except Unreadable as fault:
        return fault
