"""Long work says how far it is: a bar on a terminal, elsewhere a line in the log every tenth of the way."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_log = logging.getLogger(__name__)


class Work(NamedTuple):
    """What is done, in words: ("packing", "packed", "images")."""

    doing: str
    done: str
    things: str


class _Speed(ProgressColumn):
    """Things per second."""

    def __init__(self, things: str) -> None:
        super().__init__()
        self.things = things

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0.0:.0f} {self.things}/s")


@contextmanager
def reported(total: int, work: Work) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of things that were just done."""
    console = Console(stderr=True)
    done, begun = 0, time.monotonic()
    words = TextColumn(f"{work.doing} {work.things}")
    columns = (words, BarColumn(), MofNCompleteColumn(), _Speed(work.things), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(work.doing, total=total)

        def advance(count: int) -> None:
            nonlocal done
            before, done = done, done + count
            bar.advance(task, count)
            if bar.disable and done * 10 // total > before * 10 // total:
                speed = done / max(time.monotonic() - begun, 1e-9)
                _log.info("%s %d of %d %s, %.0f %s/s", work.done, done, total, work.things, speed, work.things)

        yield advance
