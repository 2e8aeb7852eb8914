"""Work that is kept piece by piece: stopped, it goes on by the same command."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfsup.stopping import stoppable
from selfsup.types import Interrupted


@contextmanager
def going_on(folder: Path) -> Iterator[None]:
    """A signal ends what runs within; says that the same command goes on.

    Args:
        folder: where what is done is kept.

    Raises:
        Interrupted: a signal asked to stop.
    """
    try:
        with stoppable(folder):
            yield
    except Interrupted as stopped:
        raise Interrupted(f"stopped; what is done is kept in {folder}: the same command goes on") from stopped
