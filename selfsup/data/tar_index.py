"""Where the files of a tar archive lie in it, from its headers alone: nothing is unpacked, and names are never paths.

Python's own reader takes a damaged header for the end of the archive, reads as much as a header announces, and can be
sent backwards by one; here each of these is an error.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from selfsup.types import DataError

MAX_MEMBERS = 50_000_000
"""Of one data set: their names and places are in memory together."""

_MAX_HEADER_BYTES = 2**20
"""A name that takes more is none."""

_MALFORMED = (
    tarfile.TarError,
    OSError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
)
"""What tarfile raises on bytes that are not the archive they claim to be."""


class Member(NamedTuple):
    """A regular file in an archive: its name, and where its bytes lie."""

    name: str
    offset: int
    size: int


def members(file: Path) -> Iterator[Member]:
    """The regular files of an archive, in their order; links, devices, folders and sparse files are passed over.

    Raises:
        DataError: not a plain tar archive, damaged, or its end is missing.
    """
    if not file.is_file():  # opening a pipe would wait for a writer
        raise DataError(f"{file}: not a regular file")
    with file.open("rb") as stream:
        try:
            with tarfile.open(fileobj=_Headers(stream), mode="r:", errors="backslashreplace") as archive:  # type: ignore[call-overload]
                yield from _regular(archive)
                _require_end(stream, archive.offset)
        except _MALFORMED as error:
            raise DataError(
                f"{file}: not a whole tar archive ({error}); get it again, and unpack .tar.gz to .tar"
            ) from error


def content_of(file: Path, member: Member) -> bytes:
    """The bytes of a member that is known to be small.

    Raises:
        DataError: they cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return os.pread(stream.fileno(), member.size, member.offset)
    except OSError as error:
        raise DataError(f"{file}: {member.name!r} cannot be read ({error.strerror}); get the archive again") from error


class _Headers:
    """A stream of which no more is read at once than a header is long."""

    def __init__(self, stream: BinaryIO) -> None:
        self.seek, self.tell, self._stream = stream.seek, stream.tell, stream

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header announces {size} bytes of its own")
        return self._stream.read(size)


def _regular(archive: tarfile.TarFile) -> Iterator[Member]:
    last = -1
    while (found := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # which it would keep all of
        if found.offset <= last or found.size < 0:
            raise tarfile.ReadError(f"the header at byte {found.offset} leads back")
        last = found.offset
        if found.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not found.issparse():
            yield Member(found.name, found.offset_data, found.size)


def _require_end(stream: BinaryIO, offset: int) -> None:
    """Raise unless the archive ends where its reader stopped: with an empty block, or with the file."""
    stream.seek(offset)
    block = stream.read(tarfile.BLOCKSIZE)
    if block.strip(b"\0") or 0 < len(block) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError(f"no header at byte {offset}")
