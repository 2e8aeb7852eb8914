"""What is done at a signal: one way for a training, the parent of its processes, and a sweep."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

HURRY_AFTER_S = 1.0
"""A second signal means more than the first; sooner, it is the first once more: timeout(1) sends each one twice."""
Hear = Callable[[int, FrameType | None], None]


def listen(signals: Sequence[signal.Signals], hear: Hear) -> dict[signal.Signals, Any]:
    """Let this be called at each that is not ignored -> what was called before; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    # A shell's background job does not hear Ctrl-C.
    return {each: signal.signal(each, hear) for each in signals if signal.getsignal(each) != signal.SIG_IGN}


@contextmanager
def listening(signals: Sequence[signal.Signals], hear: Hear) -> Iterator[None]:
    """Listen within; afterwards, what was before is called again."""
    before = listen(signals, hear)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
