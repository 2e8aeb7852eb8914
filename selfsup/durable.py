"""Files and folders that are whole or not there: written beside their place, forced to the disk, then renamed.

POSIX `rename` replaces a name in one step, but says nothing of when contents and names reach the disk: hence the fsync
of the file before it and of the folder after it (Pillai et al. 2014, "All File Systems Are Not Created Equal", OSDI).
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A stream to write; on leaving, its content is at `path`, in place of what was there.

    On any failure nothing changes there, and what was written is removed; only a killed process leaves it, hidden and
    ending in `.partial`. The folder must exist.
    """
    partial = _beside(path)
    try:
        with synced(partial) as stream:
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
        yield partial
        sync_folder(partial)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    sync_folder(path.parent)


@contextmanager
def synced(path: Path) -> Iterator[BinaryIO]:
    """A new file to write; on leaving without an error, its content is on the disk (its name: see `sync_folder`)."""
    with path.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder would survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    """A hidden name in the same folder, so that the rename stays within one file system, and nobody opens it."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
