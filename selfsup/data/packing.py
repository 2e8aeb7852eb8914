"""How a packed set comes about: pictures are drawn, one stream writes them in their order, one rename publishes.

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
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import numpy as np

from selfsup.data.decode import Unreadable
from selfsup.data.pictures import Pictures
from selfsup.data.progress import reported
from selfsup.durable import sync_folder, synced
from selfsup.spreadsheet import guarded
from selfsup.types import DataError

_log = logging.getLogger(__name__)

Fault = tuple[str, str, str]
"""Galaxy id, where its picture comes from, what is wrong with it."""

FORMAT = 2
"""Raised when the same files would give other bytes: it is part of the digest."""

_LISTED = 10
"""Unreadable files named in an error or a log line."""

_BUILDING = ".building-"
"""Begins the name of a half-built set; the machine and the process that build it follow."""

_ABANDONED_S = 24 * 3600.0
"""A half-built set of another machine, whose processes cannot be asked for, untouched this long is dead."""


def build(folder: Path, pictures: Pictures, max_share: float) -> None:
    """Build the set beside `folder` and rename it there; on any failure, Ctrl-C included, nothing stays."""
    unfinished = folder.parent / f"{_BUILDING}{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}"
    unfinished.mkdir()
    try:
        kept, unreadable = _write_images(unfinished / "images.npy", pictures, max_share)
        check_share(unreadable, len(pictures), max_share)
        _write(unfinished / "ids.json", json.dumps(kept))
        _write(unfinished / "unreadable.csv", listed(unreadable))
        bytes_long = (unfinished / "images.npy").stat().st_size
        manifest = {"format": FORMAT, "size_px": pictures.size_px, "count": len(kept), "images_bytes": bytes_long}
        _write(unfinished / "manifest.json", json.dumps(manifest, indent=1))
        sync_folder(unfinished)
        try:
            unfinished.rename(folder)
        except OSError:
            if not folder.exists():
                raise
            _log.info("another process packed %s first; using its images", folder)
        sync_folder(folder.parent)
        pictures.packed()
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_images(file: Path, pictures: Pictures, max_share: float) -> tuple[list[str], list[Fault]]:
    """Write the pictures in their order -> (ids kept, unreadable).

    Written as a stream, not through a memory map: on a full disk a map ends in SIGBUS, a stream in an error.
    """
    kept: list[str] = []
    unreadable: list[Fault] = []
    count = len(pictures)
    with (
        synced(file) as stream,
        closing(pictures.drawn()) as drawn,
        reported(count, pictures.work) as advance,
    ):
        start = _write_header(stream, count, pictures.size_px)
        for row, (galaxy, pixels) in enumerate(zip(pictures.ids, drawn, strict=True)):
            if isinstance(pixels, Unreadable):
                unreadable.append((galaxy, pictures.origin(row), pixels.reason))
                if len(unreadable) >= max(_LISTED, max_share * count + 1):
                    break  # it will be refused anyway, and there are enough to show
            else:
                stream.write(np.ascontiguousarray(pixels).data)
                kept.append(galaxy)
            advance(1)
        if _write_header(stream, len(kept), pictures.size_px) != start:
            raise RuntimeError("the header of a .npy file changed its length with the number of rows")
    return kept, unreadable


def _write_header(stream: BinaryIO, count: int, size_px: int) -> int:
    """Write the .npy header at the start -> where the rows begin; numpy leaves room for the first axis to change."""
    stream.seek(0)
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, size_px, size_px, 3)}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.tell()


def _write(file: Path, text: str) -> None:
    """Write and wait for the disk."""
    with synced(file) as stream:
        stream.write(text.encode(errors="backslashreplace"))


def listed(unreadable: list[Fault]) -> str:
    """A table of what cannot be read, as CSV whose cells no spreadsheet runs."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("id", "file", "reason"), *(map(guarded, fault) for fault in unreadable)])
    return text.getvalue()


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
