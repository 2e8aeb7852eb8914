"""What a training takes, over all its sittings: time on the clock, and of this process on the processors.

The second tells what a training costs where others are at work on the same machine; the first, where a GPU computes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping


class Spent:
    """Counts from `start`, on top of what earlier sittings spent."""

    def __init__(self) -> None:
        self._before = {"wall_s": 0.0, "processor_s": 0.0}
        self._since: dict[str, float] | None = None

    def start(self) -> None:
        """Count from now on."""
        self._since = _clocks()

    def take_up(self, before: Mapping[str, float]) -> None:
        """Go on from what `so_far` said in an earlier sitting."""
        self._before = {name: float(before.get(name, 0.0)) for name in self._before}

    def so_far(self) -> dict[str, float]:
        """`wall_s` and `processor_s`, in seconds."""
        if self._since is None:
            return dict(self._before)
        now = _clocks()
        return {name: self._before[name] + now[name] - self._since[name] for name in now}


def _clocks() -> dict[str, float]:
    return {"wall_s": time.monotonic(), "processor_s": time.process_time()}
