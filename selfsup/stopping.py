"""Asked to stop where there is nothing to save, work ends at once; what was half written is removed on the way out."""

import os
import shlex
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from selfsup.signals import HURRY_AFTER_S, listening
from selfsup.types import Interrupted

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
"""What batch systems send before they kill, and Ctrl-C."""
_deaf = threading.Event()


def how_to_go_on(folder: Path) -> str:
    """The command that takes the run in this folder up."""
    return "Go on with: " + shlex.join(["selfsup", "task=resume", f"task.run={folder.absolute()}"])


@contextmanager
def stoppable(folder: Path) -> Iterator[None]:
    """A signal ends what runs within, wherever it is, except while `Interruption` listens.

    Args:
        folder: the run folder, which can be taken up.

    Raises:
        Interrupted: a signal asked to stop; says how to go on.
    """
    asked_s: list[float] = []

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        if asked_s and time.monotonic() - asked_s[0] >= HURRY_AFTER_S:
            hurry(number)
        elif not asked_s:
            asked_s.append(time.monotonic())
            raise Interrupted(f"stopped by {signal.Signals(number).name}. {how_to_go_on(folder)}")

    with listening(SIGNALS, stop), deaf_children():
        yield


def hurry(number: int) -> None:
    """The second signal does what it would have done without us."""
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.raise_signal(number)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes that are forked within (those of loaders) hear none of the signals: each is for the trainer.

    A signal to the whole group, as Ctrl-C is, would else kill them, and the training could not finish its step. They
    are blocked, not ignored, because torch gives SIGTERM a handler of its own in them. They end with the trainer.
    """
    outermost = not _deaf.is_set()
    _deaf.set()
    try:
        yield
    finally:
        if outermost:
            _deaf.clear()


def _deafen() -> None:
    if _deaf.is_set():
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


os.register_at_fork(after_in_child=_deafen)
