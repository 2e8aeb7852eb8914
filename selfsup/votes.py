"""Volunteers walk down a tree of questions: what a tree is, and the arithmetic between votes and shares.

Of those who reach question q, a fraction f_a gives answer a. With r_q the share of all volunteers that reach q,

    s_a = f_a * r_q,    r_q = sum of s_p over the parent answers p of q,    r_q = 1 for a root,

and s_a are the "tree-cumulative" shares of the "Galaxy Zoo - The Galaxy Challenge" (Kaggle 2013).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from selfsup.spelling import nearest
from selfsup.types import ConfigError, DataError

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """One question put to the volunteers.

    Args:
        name: unique in its tree.
        answers: what can be answered, in the order of the columns.
        parents: answers "<question>_<answer>" any of which leads here; empty for a question put to everyone.
    """

    name: str
    answers: tuple[str, ...]
    parents: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The answers as "<question>_<answer>"."""
        return tuple(f"{self.name}_{answer}" for answer in self.answers)


@dataclass(frozen=True)
class QuestionTree:
    """Questions in an order in which parents come first; each answer is one column of a table of votes.

    Args:
        name: how the tree is called in the configuration.
        questions: Q of them, with A answers together.

    Raises:
        ConfigError: no questions, a question without answers, two equal names, or a parent that is unknown or comes
            later (which also excludes cycles).
    """

    name: str
    questions: tuple[Question, ...]

    def __post_init__(self) -> None:
        """Refuse what is not a tree."""
        if not self.questions:
            raise ConfigError(f"question tree '{self.name}' has no questions; give it at least one.")
        every = [key for question in self.questions for key in question.keys]
        seen: set[str] = set()
        for question in self.questions:
            _validate(self.name, question, seen, every)
            seen.update((question.name, *question.keys))

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """All A answers "<question>_<answer>", in the order of the columns."""
        return tuple(key for question in self.questions for key in question.keys)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Question -> its slice of the A columns."""
        stops = np.cumsum([len(question.answers) for question in self.questions]).tolist()
        return {q.name: slice(stop - len(q.answers), stop) for q, stop in zip(self.questions, stops, strict=True)}

    def fractions(self, votes: ArrayLike) -> Table:
        """Votes (N, A) -> (N, A), each answer's part of those who answered its question; NaN where nobody did.

        Raises:
            DataError: another number of columns, or a vote that is negative or not finite.
        """
        table = self._votes(votes)
        totals = np.stack([table[:, s].sum(axis=1) for s in self.slices.values()], axis=1)
        totals = np.repeat(totals, [len(question.answers) for question in self.questions], axis=1)
        fractions: Table = np.divide(table, totals, out=np.full_like(table, np.nan), where=totals > 0)
        return fractions

    def asked(self, fractions: ArrayLike) -> Table:
        """Fractions (N, A) -> (N, Q), the share of volunteers that reach each question, at most 1.

        NaN below a question that was reached but that nobody answered: there is no way to tell.
        """
        return self._descend(fractions)[0]

    def shares(self, fractions: ArrayLike) -> Table:
        """Fractions (N, A) -> (N, A), the share of all volunteers that give each answer.

        0 where the question is not reached, whatever its fractions; NaN where it is reached and its fractions are NaN.
        """
        return self._descend(fractions)[1]

    def expected_counts(self, shares: ArrayLike, volunteers: float) -> NDArray[np.float32]:
        """Shares (N, A) -> (N, A) votes out of `volunteers`; an unknown (NaN) share expects none.

        Raises:
            ConfigError: `volunteers` is not positive.
        """
        if not 0 < volunteers < np.inf:
            raise ConfigError(f"volunteers = {volunteers}: it must be above 0, about 40 for Galaxy Zoo.")
        return (np.nan_to_num(self._table(shares), nan=0.0) * volunteers).astype(np.float32)

    def leading_path(self, votes: ArrayLike) -> list[tuple[str, ...]]:
        """Votes (N, A) -> for each galaxy the winning answers met on the way down from the first root.

        Every question that a winning answer leads to is visited, in the order of the tree, and gives its answer with
        most votes (of equals, the first); a question without votes gives none and ends its branch.

        Raises:
            DataError: another number of columns, or a vote that is negative or not finite.
        """
        table = self._votes(votes)
        won = np.zeros(table.shape, dtype=bool)
        for i, question in enumerate(self.questions):
            block = table[:, self.slices[question.name]]
            reached = won[:, self._columns(question.parents)].any(axis=1) if i else np.ones(len(table), dtype=bool)
            rows = np.flatnonzero(reached & (block.sum(axis=1) > 0))
            won[rows, self.slices[question.name].start + block[rows].argmax(axis=1)] = True
        return [tuple(self.answers[a] for a in np.flatnonzero(row)) for row in won]

    def diagram(self) -> str:
        """The tree as text: each question under the answer that leads to it, deeper by two spaces."""
        shown: set[str] = set()
        lines = [f"{self.name}: {len(self.questions)} questions, {len(self.answers)} answers"]
        for root in self.questions:
            if not root.parents:
                lines.extend(self._branch(root, "", shown))
        return "\n".join(lines)

    def _branch(self, question: Question, indent: str, shown: set[str]) -> Iterator[str]:
        if question.name in shown:
            yield f"{indent}{question.name}? (as above)"
            return
        shown.add(question.name)
        yield f"{indent}{question.name}?"
        for answer, key in zip(question.answers, question.keys, strict=True):
            yield f"{indent}  {answer}"
            for child in self.questions:
                if key in child.parents:
                    yield from self._branch(child, f"{indent}    ", shown)

    def _descend(self, fractions: ArrayLike) -> tuple[Table, Table]:
        table = self._table(fractions)
        asked = np.ones((len(table), len(self.questions)))
        shares = np.empty_like(table)
        for i, question in enumerate(self.questions):
            if question.parents:
                # Published shares are rounded, so that two parents can add up to a little more than everyone.
                asked[:, i] = np.minimum(shares[:, self._columns(question.parents)].sum(axis=1), 1.0)
            reach, columns = asked[:, [i]], self.slices[question.name]
            shares[:, columns] = np.where(reach == 0, 0.0, table[:, columns] * reach)
        return asked, shares

    def _columns(self, keys: tuple[str, ...]) -> list[int]:
        return [self.answers.index(key) for key in keys]

    def _table(self, values: ArrayLike) -> Table:
        try:
            table = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"question tree '{self.name}' needs a table of numbers ({error}).") from error
        if table.ndim != 2 or table.shape[1] != len(self.answers):
            raise DataError(
                f"question tree '{self.name}' needs a table of shape (N, {len(self.answers)}), not {table.shape};"
                f" give one column for each of: {', '.join(self.answers)}."
            )
        return table

    def _votes(self, votes: ArrayLike) -> Table:
        table = self._table(votes)
        bad = np.argwhere(~(np.isfinite(table) & (table >= 0)))
        if len(bad):
            row, column = bad[0]
            raise DataError(
                f"row {row}, '{self.answers[column]}': {table[row, column]} is not a number of votes;"
                " a question that nobody answered has zeros."
            )
        with np.errstate(over="ignore"):
            endless = np.flatnonzero(np.isinf(table.sum(axis=1)))
        if len(endless):
            raise DataError(f"question tree '{self.name}': the votes of row {endless[0]} add up to infinity.")
        return table


def _repeated(names: tuple[str, ...]) -> list[str]:
    return [name for i, name in enumerate(names) if name in names[:i]]


def _validate(tree_name: str, question: Question, seen: set[str], every: list[str]) -> None:
    where = f"question tree '{tree_name}', question '{question.name}'"
    if not question.answers:
        raise ConfigError(f"{where} has no answers; give it at least one.")
    new = (question.name, *question.keys)
    repeated = [*seen.intersection(new), *_repeated(new), *_repeated(question.parents)]
    if repeated:
        raise ConfigError(f"{where}: '{repeated[0]}' is there twice; names must differ.")
    for parent in question.parents:
        if parent not in every:
            raise ConfigError(f"{where}: no answer '{parent}'{nearest(parent, every)}; write '<question>_<answer>'.")
        if parent not in seen:
            raise ConfigError(f"{where} comes before its parent '{parent}'; put parents first (a cycle has no order).")
