"""Files and folders that are whole or not there: written beside their place, forced to the disk, then renamed.

POSIX `rename` replaces a name in one step, but says nothing of when contents and names reach the disk: hence the fsync
of the file before it and of the folder after it (Pillai et al. 2014, "All File Systems Are Not Created Equal", OSDI).
What a killed writer leaves is told by its name (machine and process) and removed by the next one of the same folder.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_WRITER = re.compile(r"-(\d{1,9})-[0-9a-f]{12}\.partial$")
"""How the name of something half-written ends: its writer's process, a random number."""

_ABANDONED_S = 24 * 3600.0
"""What another machine, whose processes cannot be asked for, left untouched this long is dead."""

_tidied: set[tuple[int, Path]] = set()
"""Folders that a process has looked through; with its number, so that a forked process looks again."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A stream to write; on leaving, its content is at `path`, in place of what was there.

    On any failure nothing changes there, and what was written is removed; only a killed process leaves it, hidden and
    ending in `.partial`. The folder must exist.
    """
    partial = _beside(path)
    try:
        with naming(path), _flushed(partial) as stream:
            yield stream
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, each file through `synced`; on leaving, it is at `path`, where nothing or an empty folder is.

    On any failure nothing changes there, and the half-filled folder is removed.
    """
    partial = _beside(path)
    partial.mkdir()
    try:
        with naming(path):
            yield partial
            sync_folder(partial)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    sync_folder(path.parent)


def point(link: Path, target: Path) -> None:
    """Make `link` a symbolic link to a file of the same folder, in one step, in place of whatever had that name.

    Raises:
        OSError: the file system has no symbolic links; nothing has changed.
    """
    partial = _beside(link)
    try:
        partial.symlink_to(target.name)
        partial.replace(link)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(link.parent)


@contextmanager
def synced(path: Path) -> Iterator[BinaryIO]:
    """A new file to write; on leaving without an error, its content is on the disk (its name: see `sync_folder`)."""
    with naming(path), _flushed(path) as stream:
        yield stream


@contextmanager
def _flushed(path: Path) -> Iterator[BinaryIO]:
    with path.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def append(stream: BinaryIO, content: bytes, end: int) -> None:
    """Add to a file that is open to be appended to, and has `end` bytes: on the disk when this returns.

    Not through the stream's buffer: what could not be written would wait there, and follow when it closes.

    Raises:
        OSError: the disk is full; nothing was added.
    """
    left = memoryview(content)
    try:
        while left:
            left = left[os.write(stream.fileno(), left) :]
        os.fsync(stream.fileno())
    except OSError:
        os.ftruncate(stream.fileno(), end)
        raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """An error of the system that names no file, as those of a write, names this one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def not_ours(error: OSError) -> str:
    """Of a disk that is full or a place that is closed to us: what to say of it; "" where the error is another one."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        where, mend = error.filename or "a file", "Make room, and start the same again"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and error.filename:
        where, mend = error.filename, "Start in a folder that is yours, or name one: hydra.run.dir=DIR"
    else:
        return ""
    return f"{where}: {error.strerror}; what was there before is untouched. {mend}"


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder would survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    """A hidden name in the same folder, so that the rename stays within one file system, and nobody opens it."""
    _tidy(path.parent)
    return path.with_name(f".{path.name}.{_here()}-{os.getpid()}-{uuid.uuid4().hex[:12]}.partial")


def _here() -> str:
    """This machine, and whose process numbers hold: containers count their own under the name of their host."""
    numbers = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()}+{numbers.stat().st_ino if numbers.exists() else 0}"


def _tidy(folder: Path) -> None:
    """Remove what dead writers left in a folder; once a process, for listing a large one takes time."""
    here = (os.getpid(), folder.absolute())
    if here in _tidied:
        return
    _tidied.add(here)
    for partial in folder.glob(".*.partial"):
        if not _is_abandoned(partial):
            continue
        with suppress(OSError):  # removed by another process meanwhile, or another user's: not what we came for
            partial.unlink() if partial.is_symlink() or partial.is_file() else shutil.rmtree(partial)


def _is_abandoned(partial: Path) -> bool:
    """True where the writer is known to be dead; where it cannot be known, if nothing was written for a day."""
    writer = _WRITER.search(partial.name)
    if writer and partial.name[: writer.start()].endswith(f".{_here()}"):
        return not _is_alive(int(writer[1]))
    try:
        entries: list[Path] = [partial, *(partial.iterdir() if partial.is_dir() else ())]
        written = max(entry.lstat().st_mtime for entry in entries)
    except FileNotFoundError:  # finished or removed meanwhile
        return False
    return time.time() - written > _ABANDONED_S


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
