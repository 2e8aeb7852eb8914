"""Files from the network: resumed where they broke off, whole or not there, and with their published checksum.

Resuming is by HTTP Range (RFC 9110, section 14), within a call and by a later one. Only when all of it is on the disk
and its checksum is right does a file get its name.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from selfsup.data.progress import Work, reported
from selfsup.durable import sync_folder
from selfsup.locks import alone
from selfsup.types import DataError

TIMEOUT_S, ATTEMPTS, FIRST_PAUSE_S = 60.0, 6, 1.0
"""Six times in a row without a byte; each pause is twice the one before, the last 16 seconds."""

_CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class Remote:
    """A published file.

    Args:
        url: where it is.
        checksum: "sha256:..." or "md5:..." as published; None where none was found.
        name: of the file; None for the last part of the address.
    """

    url: str
    checksum: str | None
    name: str | None = None

    @property
    def file_name(self) -> str:
        """The name that it gets."""
        return self.name or self.url.partition("?")[0].rpartition("/")[2]


def fetch(remote: Remote, folder: Path) -> Path:
    """Bring a file into a folder; one that is there already and has its checksum stays.

    Raises:
        DataError: not to be had, too large for the disk, or other bytes than were published.
    """
    if remote.checksum is None:
        raise DataError(f"{remote.url}: no checksum was published for it; give the one you trust: --sha256 ...")
    file = folder / remote.file_name
    folder.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    # Another process waits, and finds the file done.
    with alone(part.with_name(f".{part.name}.lock")):
        if file.is_file():
            _verify(file, remote)
            return file
        _complete(remote.url, part)
        _verify(part, remote)
        part.replace(file)
        sync_folder(folder)
    return file


def _complete(url: str, part: Path) -> None:
    """Fetch what is missing of a file, as often as it takes while some of it comes."""
    failures = 0
    while True:
        before = part.stat().st_size if part.is_file() else 0
        try:
            if _append(url, part):
                return
            error: Exception = EOFError("the connection broke off")
        except urllib.error.HTTPError as refused:
            if refused.code not in (408, 429) and refused.code < 500:
                raise DataError(f"{url}: {refused}; see whether it has moved") from refused
            error = refused
        except (OSError, http.client.HTTPException) as broken:
            error = broken
        after = part.stat().st_size if part.is_file() else 0
        failures = 0 if after > before else failures + 1
        if failures >= ATTEMPTS:
            raise DataError(f"{url}: {error}; run it again: {after} bytes are kept in {part}") from error
        time.sleep(FIRST_PAUSE_S * 2 ** max(failures - 1, 0))


def _append(url: str, part: Path) -> bool:
    """Fetch from where the part ends; whether the file is whole now."""
    done = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "selfsup", "Accept-Encoding": "identity"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as refused:
        refused.close()
        if refused.code == 416 and done:  # nothing is left after these bytes
            return True
        raise
    with answer, part.open("ab") as stream:
        if done and answer.status != 206:  # a server that cannot resume begins anew
            stream.truncate(0)
            done = 0
        total = _total(answer, done)
        if total is not None and total - done > shutil.disk_usage(part.parent).free:
            raise DataError(f"{part.parent}: {(total - done) / 1e9:.1f} GB are to come, more than are free; make room")
        _copy(answer, stream, (total or done) - done, part.name.removesuffix(".part"))
    return total is None or part.stat().st_size >= total


def _total(answer: http.client.HTTPResponse, done: int) -> int | None:
    """Bytes of the whole file, as the server says; None where it does not."""
    said = answer.headers.get("Content-Length")
    return None if said is None else done + int(said)


def _copy(answer: http.client.HTTPResponse, stream: BinaryIO, expected: int, name: str) -> None:
    with reported(max(expected, 1), Work(f"fetching {name},", f"fetched {name},", "bytes")) as advance:
        try:
            while piece := answer.read(_CHUNK_BYTES):
                stream.write(piece)
                advance(len(piece))
        except http.client.IncompleteRead as broken:
            stream.write(broken.partial)
        stream.flush()
        os.fsync(stream.fileno())


def _verify(file: Path, remote: Remote) -> None:
    """Raise DataError unless the file has its checksum; what is not what was published is removed if it is a part."""
    kind, _, expected = str(remote.checksum).partition(":")
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, kind).hexdigest()
    if found == expected.lower():
        return
    with file.open("rb") as stream:
        start = stream.read(60)
    if file.suffix == ".part":
        file.unlink()
    raise DataError(
        f"{file}: its {kind} is {found}, not {expected}, as published (it begins with {start!r}); "
        f"{'it was removed: try again later' if file.suffix == '.part' else 'move it away and fetch it again'}"
    )
