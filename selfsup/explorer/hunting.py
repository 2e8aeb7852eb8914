"""A hunt by a web page: ratings go into the journal, a Gaussian process learns from them, and asks about the next.

The journal is that of `task=hunt` (`selfsup.analysis.journal`): both can go on with the same hunt, also at once. What
is to be rated now is what was offered last; before anything was, a first batch by chance.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.analysis.components import Field
from selfsup.analysis.exchange import write_ranking
from selfsup.analysis.hunt import Expected, Hunt
from selfsup.analysis.interest import Bounds
from selfsup.analysis.journal import OFFERED, WITHDRAWN, Entry, Journal, latest
from selfsup.explorer.ratings import written
from selfsup.explorer.refusal import Refused
from selfsup.explorer.table import Table

_UNLEARNED = "Nothing has been learned yet: rate some galaxies, and ask for the next batch."


@dataclass(frozen=True)
class Settings:
    """How a hunt goes.

    Args:
        journal: file of the ratings.
        who: rates.
        batch: galaxies to rate next.
        bounds: of the kernel.
        tradeoff: xi, between sure and unknown galaxies.
        seed: of the first batch.
    """

    journal: Path
    who: str
    batch: int
    bounds: Bounds
    tradeoff: float
    seed: int


class Hunting:
    """The hunt of one catalogue; called from several threads.

    Args:
        table: ids of the galaxies.
        field: -> galaxies on their principal components; called once, when something is to be learned.
        settings: of the hunt.
    """

    def __init__(self, table: Table, field: Callable[[], Field], settings: Settings) -> None:
        self._table, self._make_field, self._settings = table, field, settings
        self._journal = Journal(settings.journal)
        self._lock, self._learning = threading.Lock(), threading.Lock()
        self._field: Field | None = None
        self._expected: tuple[Expected, int] | None = None
        self._first, self._is_over = self._by_chance(), False

    def state(self) -> dict[str, Any]:
        """What was rated, what is to be rated, and what was learned; as `api/hunt` says it."""
        with self._lock:
            entries = self._journal.entries()
            learned = self._expected
        rated = latest(entries)
        rows = self._table.find(list(rated)).tolist()
        return {
            "rated": [[row, e.rating, e.when, e.who] for row, e in zip(rows, rated.values(), strict=True) if row >= 0],
            "batch": self._batch(entries),
            "learning": self._learning.locked(),
            "learned_from": 0 if learned is None else learned[1],
        }

    def rate(self, row: int, rating: float | None) -> dict[str, Any]:
        """Keep a rating, or withdraw it; it is on the disk when this returns.

        Raises:
            Refused: no such galaxy.
            DataError: no such rating.
        """
        if not 0 <= row < len(self._table):
            raise Refused(400, f"row {row}: the catalogue has {len(self._table)} galaxies, which count from 0.")
        (galaxy,) = self._table.ids(np.array([row]))
        with self._lock:
            self._journal.add([(galaxy, WITHDRAWN if rating is None else rating)], self._settings.who)
        return self.state()

    def learn(self, offer: bool) -> dict[str, Any]:
        """Learn from all ratings so far, and offer the next batch.

        Args:
            offer: whether the next galaxies are asked about.

        Raises:
            Refused: it is learning already.
            DataError: the galaxies cannot be told apart, or the journal cannot be read.
        """
        if not self._learning.acquire(blocking=False):
            raise Refused(409, "The hunt is learning already; wait until it is done.")
        try:
            self._learn(offer)
        finally:
            self._learning.release()
        return self.state()

    @property
    def began(self) -> bool:
        """Whether anything was rated before."""
        with self._lock:
            return bool(self._journal.ratings())

    def interest(self) -> bytes:
        """(N,) float32, the rating that is expected of each galaxy.

        Raises:
            Refused: nothing was learned.
        """
        return self._known().mean.astype("<f4").tobytes()

    def ratings_csv(self) -> bytes:
        """The ratings that count, with who gave them, and when; text that a spreadsheet would run is guarded."""
        with self._lock:
            return written(latest(self._journal.entries()))

    def ranking_csv(self) -> bytes:
        """All galaxies, the most interesting first, as `task=hunt` writes them.

        Raises:
            Refused: nothing was learned.
        """
        expected = self._known()
        field = self._galaxies()
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder, "ranking.csv")
            write_ranking(field.ids, expected.columns, expected.ranked(), out)
            return out.read_bytes()

    def _learn(self, offer: bool) -> None:
        settings = self._settings
        # A journal of its own: the other one is read and written meanwhile.
        hunt = Hunt(self._galaxies(), Journal(settings.journal), settings.bounds, settings.tradeoff, settings.seed)
        expected = hunt.expected()
        count = int((~np.isnan(expected.rating)).sum())
        batch = hunt.ids(hunt.next_batch(expected, settings.batch)) if offer else []
        with self._lock:
            if batch:
                self._journal.add([(galaxy, OFFERED) for galaxy in batch], settings.who)
            self._is_over = offer and not batch
            self._expected = (expected, count) if count else None  # all may have been withdrawn

    def _galaxies(self) -> Field:
        """Called where only one thread is."""
        if self._field is None:
            self._field = self._make_field()
        return self._field

    def _known(self) -> Expected:
        with self._lock:
            if self._expected is None:
                raise Refused(404, _UNLEARNED)
            return self._expected[0]

    def _batch(self, entries: Sequence[Entry]) -> list[int]:
        """Rows of the galaxies that were offered last, also those that have been rated since; none at the end."""
        if self._is_over:
            return []
        offers = (entry for entry in entries if entry.rating == OFFERED and entry.who == self._settings.who)
        last: list[str] = []
        for _, batch in groupby(offers, attrgetter("when")):  # a batch is offered at once
            last = [entry.id for entry in batch]
        rows = self._table.find(last).tolist() if last else self._first
        return [row for row in rows if row >= 0]

    def _by_chance(self) -> list[int]:
        """What is rated before anything was offered."""
        count = min(self._settings.batch, len(self._table))
        chosen = np.random.default_rng(self._settings.seed).choice(len(self._table), count, replace=False)
        return [int(row) for row in chosen]
