"""What was said of a question beside what is true: the form in which votes and classes are scored alike.

Of volunteers' votes, the galaxies count of which enough people were asked a question, and at least a share of those who
saw the galaxy; an answer is true where most of them gave it, and the volunteers are confident where an answer has
more than 0.8 of them (Walmsley et al. 2022, arXiv:2102.08414, section 5.2: 34 classifications, half of them).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from selfsup.votes import QuestionTree

MAJORITY = 0.5


@dataclass(frozen=True)
class Verdict:
    """One question, and n galaxies that it was put to.

    Args:
        names: of the K answers.
        rows: (n,) the galaxies' rows in their catalogue.
        true: (n,) int, the most popular answer.
        holds: (n, K) bool, which answers are true: of votes none, where no answer has a majority.
        sure: (n,) fraction of votes that the most popular answer has; NaN of a class.
        said: (n,) int, the predicted answer.
        chance: (n, K) predicted fractions.
    """

    names: tuple[str, ...]
    rows: np.ndarray
    true: np.ndarray
    holds: np.ndarray
    sure: np.ndarray
    said: np.ndarray
    chance: np.ndarray


@dataclass(frozen=True)
class Relevance:
    """Of which galaxies a question is relevant.

    Args:
        fewest_asked: volunteers who answered it.
        asked_share: those who were asked it, of all who saw the galaxy.
    """

    fewest_asked: float
    asked_share: float


def of_question(
    tree: QuestionTree, question: str, votes: np.ndarray, shares: np.ndarray, relevance: Relevance
) -> Verdict:
    """Votes (N, A), predicted shares of all volunteers (N, A), NaN where none -> the verdict of one question.

    Where no share of any answer is predicted, all are predicted alike.
    """
    columns = tree.slices[question]
    place = list(tree.slices).index(question)
    fractions = tree.fractions(votes)
    reached = tree.asked(fractions)[:, place]
    predicted = np.isfinite(shares).all(axis=1)
    enough = votes[:, columns].sum(axis=1) >= max(relevance.fewest_asked, np.finfo(float).tiny)
    rows = np.flatnonzero(predicted & enough & (reached >= relevance.asked_share))  # false where NaN
    true = fractions[rows, columns]
    chance = tree.fractions(shares[rows])[:, columns]
    chance = np.where(np.isnan(chance), 1 / true.shape[1], chance)
    names = tuple(key.removeprefix(f"{question}_") for key in tree.answers[columns])
    best, said = true.argmax(axis=1), chance.argmax(axis=1)
    return Verdict(names, rows, best, true > MAJORITY, true.max(axis=1), said, chance)


def of_classes(true: np.ndarray, chances: Mapping[str, np.ndarray]) -> Verdict:
    """(N,) names of classes ("" unknown), class -> (N,) predicted chances, NaN where none -> the verdict.

    Chances of a single class are those of that class against all others. Of a class without chances, all galaxies count
    as errors.
    """
    table = np.stack(list(chances.values()), axis=1).astype(np.float64)
    rows = np.flatnonzero((true != "") & np.isfinite(table).all(axis=1))
    table, true = table[rows], true[rows]
    if len(chances) == 1:
        (positive,) = chances
        names: tuple[str, ...] = ("other", positive)
        table, index = np.c_[1 - table, table], (true == positive).astype(np.int64)
    else:
        names = (*chances, *sorted(set(map(str, true)) - chances.keys()))
        table = np.pad(table, ((0, 0), (0, len(names) - len(chances))))
        index = np.array([names.index(str(name)) for name in true], dtype=np.int64)
    holds = np.eye(len(names), dtype=bool)[index]
    return Verdict(names, rows, index, holds, np.full(len(rows), np.nan), table.argmax(axis=1), table)
