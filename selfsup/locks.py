"""Locks that die with their holder: flock(2), which the kernel takes back whatever killed the process.

They hold between the processes of one machine, and between machines where the file system carries them (NFSv4, Lustre
mounted with flock). Where it does not, two may hold one: so what is done under a lock must be harmless if done twice.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def claim(file: Path) -> IO[bytes] | None:
    """Lock a file, which is made if need be, with its folder -> what to hold on to; None where another holds it.

    A process that is started with the stream's descriptor holds the lock too, for as long as it lives.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    stream = file.open("ab")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        return None
    return stream


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """One process at a time is within, by a lock on this file, which is made if need be; the others wait."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
