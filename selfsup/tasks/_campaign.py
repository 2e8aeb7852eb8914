"""A campaign of labelling on the disk: rounds of galaxies asked about, of answers, of networks, and what they score.

    campaign/plan.json                           what it is a campaign of
    campaign/round-000/asked.csv                 id, score: who is asked about
                       answers.csv               id and a column of votes for each answer of the tree
                       network-0/ ...            a training on all answers so far
                       scores.json               on the fixed validation part, and whether the networks are kept

Each file is whole or not there, and none is written twice: a campaign that is stopped anywhere goes on from the last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.data.tables import read_table, vote_counts
from selfsup.durable import replacing
from selfsup.report.tables import write_csv
from selfsup.spreadsheet import unguarded
from selfsup.types import ConfigError, DataError
from selfsup.votes import QuestionTree

ASKED, ANSWERS, SCORES, PLAN = "asked.csv", "answers.csv", "scores.json", "plan.json"


@dataclass(frozen=True)
class Round:
    """One round of a campaign.

    Args:
        number: from 0.
        folder: of it.
        tree: of the questions.
    """

    number: int
    folder: Path
    tree: QuestionTree

    @property
    def asked(self) -> list[str] | None:
        """Ids of the galaxies that are asked about; None before they are chosen."""
        file = self.folder / ASKED
        return [unguarded(galaxy) for galaxy in read_table(file, "id").ids] if file.is_file() else None

    def ask(self, ids: Sequence[str], scores: Sequence[float]) -> None:
        """Write who is asked about, and how much that is expected to tell."""
        self._write(ASKED, ["id", "score"], zip(ids, scores, strict=True))

    @property
    def answers(self) -> dict[str, np.ndarray] | None:
        """Galaxy -> (A,) votes, of those of `asked` that have an answer; None before there are any.

        Raises:
            DataError: a table without a column for each answer.
        """
        file = self.folder / ANSWERS
        if not file.is_file():
            return None
        table = read_table(file, "id")
        votes = vote_counts(table, self.tree.answers)
        there = dict(zip(map(unguarded, table.ids), votes, strict=True))
        return {galaxy: there[galaxy] for galaxy in self.asked or [] if galaxy in there}

    def answer(self, ids: Sequence[str], votes: np.ndarray) -> None:
        """Write (n, A) whole votes."""
        rows = ([galaxy, *row] for galaxy, row in zip(ids, votes.astype(np.int64).tolist(), strict=True))
        self._write(ANSWERS, ["id", *self.tree.answers], rows)

    @property
    def scores(self) -> dict[str, Any] | None:
        """What its networks score; None before they are trained."""
        file = self.folder / SCORES
        return dict(json.loads(file.read_text())) if file.is_file() else None

    def score(self, scores: Mapping[str, Any]) -> None:
        """Write what its networks score: the round is over."""
        with replacing(self.folder / SCORES) as stream:
            stream.write(json.dumps(scores, indent=1).encode())

    def network(self, number: int) -> Path:
        """Run folder of a training."""
        return self.folder / f"network-{number}"

    def _write(self, name: str, header: Sequence[str], rows: Any) -> None:
        write_csv([dict(zip(header, row, strict=True)) for row in rows], self.folder / name)


def round_of(campaign: Path, number: int, tree: QuestionTree) -> Round:
    """A round of the campaign in a folder, begun or not."""
    return Round(number, campaign / f"round-{number:03d}", tree)


class Campaign:
    """The rounds in a folder.

    Args:
        folder: of the campaign; made if need be.
        tree: of the questions.
        made_of: what may not change from round to round, as plain values.

    Raises:
        ConfigError: the folder holds another campaign.
    """

    def __init__(self, folder: Path, tree: QuestionTree, made_of: Mapping[str, Any]) -> None:
        self.folder, self.tree = folder, tree
        file = folder / PLAN
        asked = json.loads(json.dumps(made_of))
        if not file.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(file) as stream:
                stream.write(json.dumps(asked, indent=1).encode())
        there = json.loads(file.read_text())
        if others := sorted(name for name in {**there, **asked} if there.get(name) != asked.get(name)):
            raise ConfigError(
                f"task.campaign: {folder} is a campaign with another {', '.join(others)}; name another folder"
            )

    def round(self, number: int) -> Round:
        """A round, begun or not."""
        return round_of(self.folder, number, self.tree)

    def _all(self) -> Iterator[Round]:
        return map(self.round, count())

    def rounds(self) -> Iterator[Round]:
        """Those that are over, in their order."""
        return takewhile(lambda each: each.scores is not None, self._all())

    def known(self, ids: Sequence[str]) -> np.ndarray:
        """(N, A) float32 votes of these galaxies, from all answers so far; zeros where there are none.

        Raises:
            DataError: an answer is about a galaxy that is not among them.
        """
        place = {galaxy: row for row, galaxy in enumerate(ids)}
        votes = np.zeros((len(ids), len(self.tree.answers)), dtype=np.float32)
        for each in self._all():
            if (answers := each.answers) is None:
                break
            for galaxy, row in answers.items():
                if galaxy not in place:
                    raise DataError(f"{each.folder / ANSWERS}: '{galaxy}' is not among the galaxies; was one removed?")
                votes[place[galaxy]] = row
        return votes

    def asked(self) -> set[str]:
        """All galaxies that have been asked about."""
        asked = takewhile(lambda ids: ids is not None, (each.asked for each in self._all()))
        return {galaxy for ids in asked for galaxy in ids or []}

    def kept(self) -> Round | None:
        """The round whose networks are in use: the last that was as good as those before it, or better."""
        kept = [each for each in self.rounds() if (each.scores or {})["kept"]]
        return kept[-1] if kept else None
