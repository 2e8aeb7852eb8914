"""Labelling by a web page: the galaxies that a campaign asks about now, and what people answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.explorer import questions
from selfsup.explorer.answers import Answers, counted, fault_of
from selfsup.explorer.refusal import Refused
from selfsup.explorer.table import Table
from selfsup.votes import QuestionTree

JOURNAL = "answers.jsonl"
_OVER = "Nobody is asked about at the moment: run task=label with task.ask=csv and the same task.campaign."


@dataclass(frozen=True)
class Asked:
    """A round of a campaign that waits for answers.

    Args:
        number: of the round.
        folder: of the round.
        ids: galaxies that are asked about.
        tree: of the questions.
        finish: takes ids and (n, A) whole votes as the round's answers.
    """

    number: int
    folder: Path
    ids: Sequence[str]
    tree: QuestionTree
    finish: Callable[[Sequence[str], np.ndarray], None]


class Labelling:
    """The answers of one person at a time; called from several threads.

    Args:
        table: ids of the catalogue.
        asked: -> the round that waits, read anew; None where none does.
        who: answers.
    """

    def __init__(self, table: Table, asked: Callable[[], Asked | None], who: str) -> None:
        self._table, self._asked, self._who, self._lock = table, asked, who, threading.Lock()

    def state(self) -> dict[str, Any]:
        """What is asked and answered, as `api/label` says it."""
        with self._lock:
            asked = self._asked()
            if asked is None:
                return {"round": -1, "rows": [], "answered": [], "tree": None, "state": "nothing to ask"}
            mine = {galaxy for galaxy, who in Answers(asked.folder / JOURNAL).latest() if who == self._who}
        rows = self._table.find(asked.ids).tolist()
        answered = [row for galaxy, row in zip(asked.ids, rows, strict=True) if galaxy in mine and row >= 0]
        told = questions.told(asked.tree)
        return {"round": asked.number, "rows": rows, "answered": answered, "tree": told, "state": "asking"}

    def answer(self, row: int, answers: Sequence[str]) -> dict[str, Any]:
        """Keep one person's answers about a galaxy, in place of what they said before; on the disk when this returns.

        Raises:
            Refused: nobody asks about this galaxy, or no path through the tree has these answers.
        """
        with self._lock:
            asked = self._waiting()
            galaxy = self._table.ids(np.array([row]))[0] if 0 <= row < len(self._table) else None
            if galaxy is None or galaxy not in asked.ids:
                raise Refused(400, f"row {row}: nobody asks about this galaxy in round {asked.number}.")
            if fault := fault_of(answers, asked.tree):
                raise Refused(400, fault)
            Answers(asked.folder / JOURNAL).add(galaxy, answers, self._who)
        return self.state()

    def finish(self) -> dict[str, Any]:
        """Hand all answers over to the campaign, which can then go on; those of everybody are counted.

        Raises:
            Refused: there are no answers, or no round that waits for any.
        """
        with self._lock:
            asked = self._waiting()
            paths = Answers(asked.folder / JOURNAL).latest().items()
            ids, votes = counted(((galaxy, path) for (galaxy, _), path in paths if galaxy in asked.ids), asked.tree)
            if not ids:
                raise Refused(409, f"Round {asked.number} has no answers yet; answer about one galaxy at least.")
            asked.finish(ids, votes)
        return self.state()

    def _waiting(self) -> Asked:
        asked = self._asked()
        if asked is None:
            raise Refused(409, _OVER)
        return asked
