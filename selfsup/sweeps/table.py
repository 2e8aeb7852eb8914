"""The jobs of a sweep, a line each: drawn anew in place on a terminal, elsewhere a line in the log when one changes."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table as Drawn
from rich.text import Text

from selfsup.sweeps.ledger import DONE, FAILED, INTERRUPTED, PENDING, RUNNING, Record

EVERY_S = 0.5
TAIL_BYTES = 4096
COLOURS = {RUNNING: "cyan", DONE: "green", FAILED: "red", INTERRUPTED: "yellow", PENDING: "dim"}
log = logging.getLogger(__name__)


class Table:
    """The jobs, as they are now.

    Args:
        records: of all of them.
        folder: the sweep's.
        console: where it is drawn; None: a terminal on stderr, where there is one.
    """

    def __init__(self, records: Sequence[Record], folder: Path, console: Console | None = None) -> None:
        self._records, self._folder = records, folder
        self._console = console or Console(stderr=True)
        self._common = set.intersection(*(set(record.overrides) for record in records)) if len(records) > 1 else set()
        self._seen = {record.key: record.state for record in records}
        self._live: Live | None = None
        self._drawn_s = 0.0

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While it is shown; at the end a line for each job that is not done, saying why."""
        with ExitStack() as stack:
            if self._console.is_terminal:
                live = Live(console=self._console, auto_refresh=False, transient=True)
                self._live = stack.enter_context(live)
            yield
        log.info("%s: %s", self._folder, self.summary())
        for record in self._records:
            if record.state != DONE:
                log.info("%s", self.line(record))

    def update(self) -> None:
        """Look at the records: draw them, or log those that have changed."""
        if self._live is not None:
            if time.monotonic() - self._drawn_s >= EVERY_S:
                self._live.update(self.drawn(), refresh=True)
                self._drawn_s = time.monotonic()
            return
        for record in self._records:
            if self._seen[record.key] != record.state:
                self._seen[record.key] = record.state
                log.info("%s", self.line(record))

    def line(self, record: Record) -> str:
        """One job in words: number, what sets it apart, state, what came of it."""
        took = f" after {_minutes(record.seconds)}" if record.state in (DONE, FAILED, INTERRUPTED) else ""
        came = f": {_outcome(record)}" if _outcome(record) else ""
        return f"job {record.number} ({self._apart(record) or 'no overrides'}) {record.state}{took}{came}"

    def summary(self) -> str:
        """How many are in which state."""
        counts = Counter(record.state for record in self._records)
        return f"{len(self._records)} jobs: " + ", ".join(
            f"{counts[state]} {state}" for state in COLOURS if counts[state]
        )

    def drawn(self) -> Drawn:
        """A row for each job; where they do not fit, those that run and those that died, newest last."""
        room = max(self._console.height - 6, 4)
        rows = list(self._records)
        if len(rows) > room:
            rows = [record for record in rows if record.state not in (DONE, PENDING)][-room:]
        table = Drawn("job", "overrides", "state", "step", "time", "value or reason", caption=self.summary(), box=None)
        for record in rows:
            step = _last_step(self._folder / record.folder) if record.state == RUNNING else ""
            state = Text(record.state, COLOURS[record.state])
            # Text: an override such as [knn,linear] is no markup.
            words = (self._apart(record), state, step, _minutes(record.seconds), _outcome(record))
            table.add_row(str(record.number), *(Text(word) if isinstance(word, str) else word for word in words))
        return table

    def _apart(self, record: Record) -> str:
        return " ".join(text for text in record.overrides if text not in self._common)


def _outcome(record: Record) -> str:
    return record.reason or ("" if record.value is None else f"{record.value:.4g}")


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _last_step(folder: Path) -> str:
    """The step of the last whole row of a training's table, whose first column it is."""
    file = folder / "metrics.csv"
    if not file.is_file():
        return ""
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - TAIL_BYTES))
        whole = stream.read().rpartition(b"\n")[0]
    step = whole.rpartition(b"\n")[2].split(b",")[0].decode(errors="replace")
    return step if step.isdecimal() else ""
