"""A journal of ratings from which nothing that was acknowledged is lost: lines are only added, and forced to the disk.

A line of JSON for each thing said of a galaxy: `sequence`, `id`, `rating`, `when`, `who`. What counts is found by
reading the lines again in their order: of each galaxy the latest. This is a write-ahead log (Gray and Reuter 1992,
"Transaction Processing"): a rating is acknowledged after the fsync of its line, and what a killed writer left of a line
was never acknowledged, so it is dropped.
"""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

from selfsup.durable import append, naming, sync_folder
from selfsup.types import DataError

LEAST, MOST = 0.0, 5.0
"""Of a rating: of no interest, and what one is looking for."""
WITHDRAWN, OFFERED = "withdrawn", "offered"
"""In place of a rating: the one before no longer counts; and: somebody was asked."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One line.

    Args:
        sequence: ascending from 1.
        id: of the galaxy.
        rating: 0 to 5, `WITHDRAWN` or `OFFERED`.
        when: in UTC, ISO 8601; the same for what was added at once, and for nothing else of the same writer.
        who: said so.
    """

    sequence: int
    id: str
    rating: float | str
    when: str
    who: str


class Journal:
    """A file that several processes may read and add to at once: each adds under a lock (flock), after what is there.

    Args:
        path: of the file; it is made, with its folder, by the first addition.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: list[Entry] = []
        self._read_bytes = 0

    def entries(self) -> list[Entry]:
        """Every line, also those that others have added meanwhile.

        Raises:
            DataError: a line, which is not the torn last one, cannot be read.
        """
        if self.path.exists():
            with self._locked("rb", fcntl.LOCK_SH) as stream:
                self._catch_up(stream)
        return list(self._entries)

    def ratings(self) -> dict[str, float]:
        """Id -> its latest rating, without those that were withdrawn; errors as above."""
        return {name: cast("float", entry.rating) for name, entry in latest(self.entries()).items()}

    def seen(self) -> set[str]:
        """Ids that were ever rated or offered; errors as above."""
        return {entry.id for entry in self.entries()}

    def add(self, said: Sequence[tuple[str, float | str]], who: str) -> list[Entry]:
        """Pairs of id and rating (or `WITHDRAWN`, `OFFERED`) -> their lines, on the disk when this returns.

        Raises:
            DataError: a rating that is none, in which case none is added; or a journal that cannot be read.
            OSError: the disk is full; nothing was added.
        """
        checked = [(name, _validated(name, rating)) for name, rating in said]
        with self._locked("ab+", fcntl.LOCK_EX) as stream:
            if self._catch_up(stream):
                os.ftruncate(stream.fileno(), self._read_bytes)  # so that the next line begins at the start of one
            if not self._entries:  # perhaps whoever made the file died before its name was on the disk
                sync_folder(self.path.parent)
                sync_folder(self.path.parent.parent)
            first, when = self._entries[-1].sequence + 1 if self._entries else 1, self._now()
            new = [Entry(first + i, name, rating, when, who) for i, (name, rating) in enumerate(checked)]
            lines = "".join(f"{json.dumps(asdict(entry))}\n" for entry in new).encode()
            with naming(self.path):
                append(stream, lines, self._read_bytes)
            self._read_bytes += len(lines)
        self._entries += new
        return new

    @contextmanager
    def _locked(self, mode: str, lock: int) -> Iterator[BinaryIO]:
        """The file, locked; closing it, or dying, releases it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open(mode) as stream:
            fcntl.flock(stream, lock)
            yield cast("BinaryIO", stream)

    def _now(self) -> str:
        """The time, and never that of the last line: what was said at once is told by its time."""
        now = datetime.now(UTC)
        if self._entries and self._entries[-1].when == now.isoformat(timespec="microseconds"):
            now += timedelta(microseconds=1)
        return now.isoformat(timespec="microseconds")

    def _catch_up(self, stream: BinaryIO) -> bytes:
        """Read the lines that are new -> what stands after the last whole one."""
        stream.seek(self._read_bytes)
        *lines, rest = stream.read().split(b"\n")
        for line in lines:
            self._entries.append(self._parsed(line))
            self._read_bytes += len(line) + 1
        if rest:
            log.warning("%s: the last line is torn, and not counted: %r", self.path, rest[:80])
        return rest

    def _parsed(self, line: bytes) -> Entry:
        try:
            entry = Entry(**json.loads(line))
            _validated(entry.id, entry.rating)
            in_order = not self._entries or entry.sequence > self._entries[-1].sequence
        except (ValueError, TypeError, DataError) as error:
            raise self._unreadable(str(error)) from error
        if not in_order:
            raise self._unreadable(f"sequence {entry.sequence} does not follow {self._entries[-1].sequence}")
        return entry if isinstance(entry.rating, str) else Entry(**{**asdict(entry), "rating": float(entry.rating)})

    def _unreadable(self, why: str) -> DataError:
        where = f"{self.path}, line {len(self._entries) + 1}"
        return DataError(f"{where}: {why}; mend or remove the line (keep a copy of the file).")


def latest(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Lines in their order -> id -> the one that counts, of each galaxy that has a rating."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if isinstance(entry.rating, float):
            found[entry.id] = entry
        elif entry.rating == WITHDRAWN:
            found.pop(entry.id, None)
    return found


def _validated(name: object, rating: object) -> float | str:
    if not isinstance(name, str) or not name:
        raise DataError(f"{name!r} is no galaxy's id; write the id as it is in the catalogue.")
    if rating in (WITHDRAWN, OFFERED):
        return str(rating)
    is_number = isinstance(rating, int | float) and not isinstance(rating, bool)
    if not is_number or not math.isfinite(rating) or not LEAST <= rating <= MOST:  # type: ignore[arg-type,operator]
        raise DataError(f"rating {rating!r} of '{name}': write a number from {LEAST:g} to {MOST:g}.")
    return float(rating)  # type: ignore[arg-type]
