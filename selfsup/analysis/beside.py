"""What is made of a catalogue is kept beside it; of processes that begin together one makes it, and the others wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from selfsup.locks import alone
from selfsup.types import ConfigError


@contextmanager
def alone_in(home: Path, remedy: str) -> Iterator[None]:
    """One process at a time is within.

    Args:
        home: folder of what is kept.
        remedy: what to do where it cannot be written.

    Raises:
        ConfigError: it cannot be written.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(alone(home / ".lock"))
        except OSError as error:
            raise ConfigError(f"{home}: cannot be written there ({error}); {remedy}") from error
        yield
