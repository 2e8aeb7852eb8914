"""How a packed set comes about: threads decode, one stream writes in the order of the sources, one rename publishes.

The set is built beside its place, brought to disk file by file, and renamed; a builder that lost the race to another
one drops its own. What a killed builder leaves is told by its name (machine and process) and removed by the next.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import shutil
import socket
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from selfsup.data.decode import Unreadable, read_image
from selfsup.durable import sync_folder, synced
from selfsup.types import DataError

_log = logging.getLogger(__name__)

Fault = tuple[str, str, str]
"""Galaxy id, file, what is wrong with it."""

FORMAT = 1
"""Raised when the same files would give other bytes: it is part of the digest."""

_LISTED = 10
"""Unreadable files named in an error or a log line."""

_IN_FLIGHT = 8
"""Images decoded or waiting per thread: enough to keep all busy behind a slow one, and memory does not grow."""

_BUILDING = ".building-"
"""Begins the name of a half-built set; the machine and the process that build it follow."""

_ABANDONED_S = 24 * 3600.0
"""A half-built set of another machine, whose processes cannot be asked for, untouched this long is dead."""


def build(folder: Path, ids: Sequence[str], files: Sequence[Path], size_px: int, max_share: float) -> None:
    """Build the set beside `folder` and rename it there; on any failure, Ctrl-C included, nothing stays."""
    unfinished = folder.parent / f"{_BUILDING}{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}"
    unfinished.mkdir()
    try:
        kept, unreadable = _write_images(unfinished / "images.npy", ids, files, size_px, max_share)
        check_share(unreadable, len(files), max_share)
        _write(unfinished / "ids.json", json.dumps(kept))
        _write_unreadable(unfinished / "unreadable.csv", unreadable)
        bytes_long = (unfinished / "images.npy").stat().st_size
        manifest = {"format": FORMAT, "size_px": size_px, "count": len(kept), "images_bytes": bytes_long}
        _write(unfinished / "manifest.json", json.dumps(manifest, indent=1))
        sync_folder(unfinished)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            _log.info("another process packed %s first; using its images", folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_images(
    file: Path, ids: Sequence[str], files: Sequence[Path], size_px: int, max_share: float
) -> tuple[list[str], list[Fault]]:
    """Decode in threads, write in the order of the sources -> (ids kept, unreadable).

    Written as a stream, not through a memory map: on a full disk a map ends in SIGBUS, a stream in an error.
    """
    kept: list[str] = []
    unreadable: list[Fault] = []
    with (
        synced(file) as stream,
        _warnings_refuse(),
        ThreadPoolExecutor(_threads()) as pool,
        _reported(len(files)) as advance,
    ):
        start = _write_header(stream, len(files), size_px)
        for galaxy, path, pixels in zip(ids, files, _decoded(pool, files, size_px), strict=True):
            if isinstance(pixels, Unreadable):
                unreadable.append((galaxy, str(path), pixels.reason))
                if len(unreadable) >= max(_LISTED, max_share * len(files) + 1):
                    break  # it will be refused anyway, and there are enough to show
            else:
                stream.write(np.ascontiguousarray(pixels).data)
                kept.append(galaxy)
            advance()
        if _write_header(stream, len(kept), size_px) != start:
            raise RuntimeError("the header of a .npy file changed its length with the number of rows")
    return kept, unreadable


def _write_header(stream: BinaryIO, count: int, size_px: int) -> int:
    """Write the .npy header at the start -> where the rows begin; numpy leaves room for the first axis to change."""
    stream.seek(0)
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, size_px, size_px, 3)}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.tell()


def _threads() -> int:
    """Processors that this process may use: Pillow decodes without holding the interpreter's lock."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _decoded(pool: ThreadPoolExecutor, files: Sequence[Path], size_px: int) -> Iterator[np.ndarray | Unreadable]:
    """Each file's pixels or fault, in the order of the files, never more than a few images ahead."""
    waiting: deque[Future[np.ndarray | Unreadable]] = deque()
    for file in files:
        waiting.append(pool.submit(_attempt, file, size_px))
        if len(waiting) >= _IN_FLIGHT * _threads():
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def _warnings_refuse() -> Iterator[None]:
    """What Pillow warns of in a file is a reason to leave it out.

    Filters belong to the process: set here, once, they hold in the threads, where setting them would be a race.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", module=r"PIL\.")
        yield


def _attempt(file: Path, size_px: int) -> np.ndarray | Unreadable:
    try:
        return read_image(file, size_px)
    except Unreadable as fault:
        return fault


class _Speed(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0.0:.0f} images/s")


@contextmanager
def _reported(total: int) -> Iterator[Callable[[], None]]:
    """A function to call once per image: moves a bar on a terminal, elsewhere logs every tenth of the way."""
    console = Console(stderr=True)
    done, begun = 0, time.monotonic()
    columns = (TextColumn("packing images"), BarColumn(), MofNCompleteColumn(), _Speed(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("pack", total=total)

        def advance() -> None:
            nonlocal done
            done += 1
            bar.advance(task)
            if bar.disable and done * 10 // total > (done - 1) * 10 // total:
                speed = done / max(time.monotonic() - begun, 1e-9)
                _log.info("packed %d of %d images, %.0f images/s", done, total, speed)

        yield advance


def _write(file: Path, text: str) -> None:
    """Write and wait for the disk; names of files that are no text keep their bytes."""
    with synced(file) as stream:
        stream.write(text.encode(errors="surrogateescape"))


def _write_unreadable(file: Path, unreadable: list[Fault]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("id", "file", "reason"), *unreadable])
    _write(file, text.getvalue())


def remove_abandoned(home: Path) -> None:
    """Delete what dead builders left."""
    for folder in home.glob(f"{_BUILDING}*"):
        host, pid, _ = folder.name.removeprefix(_BUILDING).rsplit("-", 2)
        if _is_abandoned(folder, host, int(pid)):
            _log.info("removing %s, which a dead process left half-built", folder)
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path, host: str, pid: int) -> bool:
    """True where the builder is known to be dead, or has written nothing for a day."""
    if host == socket.gethostname():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # alive, another user's
            pass
    try:
        written = max(entry.stat().st_mtime for entry in (folder, *folder.iterdir()))
    except FileNotFoundError:  # finished or removed meanwhile
        return False
    return time.time() - written > _ABANDONED_S


def check_share(unreadable: list[Fault], count: int, max_share: float) -> None:
    """Refuse a set of which too little can be read.

    Raises:
        DataError: more than `max_share` of the `count` images are unreadable, or all; lists the first ten.
    """
    if len(unreadable) <= max_share * count and len(unreadable) < count:
        return
    shown = "\n".join(f"  {file}: {reason}" for _, file, reason in unreadable[:_LISTED])
    allowed = f"data.max_unreadable_share={max_share:g} allows {int(max_share * count)}, and one must be left"
    raise DataError(
        f"at least {len(unreadable)} of {count} images are unreadable ({allowed}):\n{shown}\n"
        f"mend or remove them, or raise the share"
    )
