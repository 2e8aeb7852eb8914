"""One training at a time in a run folder: two would save over each other, and both add rows to its table."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from selfsup.checkpoint import LAST
from selfsup.locks import claim
from selfsup.training.ranks import Ranks
from selfsup.types import ConfigError

LOCK = ".lock"
"""Beside the checkpoints; a sweep holds one of that name in the folder itself."""
PATIENCE_S = 15.0
"""Loader processes of a training that was killed hold on so long, until they have noticed."""
POLL_S = 0.1


@contextmanager
def alone_in(folder: Path, ranks: Ranks) -> Iterator[None]:
    """Within, no other process trains in a run folder; of several ranks the first one sees to it.

    Raises:
        ConfigError: another one does.
    """
    lock = ranks.only_first(lambda: _claimed(folder))
    try:
        yield
    finally:
        if lock is not None:
            lock.close()


def _claimed(folder: Path) -> IO[bytes]:
    until_s = time.monotonic() + PATIENCE_S
    while (lock := claim(folder / LAST.parent / LOCK)) is None:
        if time.monotonic() > until_s:
            raise ConfigError(f"{folder}: another process trains in this folder; wait for it, or write another one")
        time.sleep(POLL_S)
    return lock
