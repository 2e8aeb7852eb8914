"""The Galaxy Challenge: SDSS images with the shares of volunteers that gave each of Galaxy Zoo 2's 37 answers.

Shares are tree-cumulative: those of a question sum to the share of people who reached it. Counts are the shares times
the number of people who classify a galaxy, about 40 in Galaxy Zoo 2 (Willett et al. 2013, arXiv:1308.3496).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfsup.data.source import Galaxies, Source
from selfsup.data.tables import Table, taken
from selfsup.trees import tree
from selfsup.types import DataError
from selfsup.votes import QuestionTree

_ANSWERS = (3, 2, 2, 2, 4, 2, 3, 7, 3, 3, 6)
COLUMNS = tuple(f"Class{q}.{a}" for q, count in enumerate(_ANSWERS, start=1) for a in range(1, count + 1))
"""Class1.1 ... Class11.6, in the order of the answers of the tree "gz2"."""

_ROUNDING = 0.01
"""How far above 1 a published share may be."""

_MORPHOLOGY = {
    "smooth-or-featured_artifact": "artifact",
    "how-rounded_round": "round",
    "how-rounded_in-between": "in-between",
    "how-rounded_cigar": "cigar",
    "disk-edge-on_yes": "edge-on",
    "has-spiral-arms_yes": "spiral",
    "smooth-or-featured_featured-or-disk": "disk",
}
"""Answer on the leading path -> what the galaxy is; the first that was given decides."""


@dataclass(kw_only=True)
class GalaxyChallenge(Source):
    """The folder of the challenge: `images/` and `votes.csv`; images without a row are unlabelled galaxies.

    Args:
        volunteers: people per galaxy, by whom shares become counts.
    """

    volunteers: float

    def read(self) -> Galaxies:
        """Find the images and the votes; adds the column `morphology`, "" where nobody voted.

        Raises:
            DataError: no images, a column is missing, or a share is not in [0, 1].
            ConfigError: another tree than gz2.
        """
        self.require_tree("gz2")
        found, table, rows = self.beside_images("votes.csv", "GalaxyID")
        shares = table.numbers(COLUMNS)
        _refuse_malformed(shares, table)
        questions = tree("gz2")
        votes = taken(questions.expected_counts(shares, self.volunteers), rows, 0.0)
        columns = {"morphology": morphology(questions, votes)}
        galaxies = Galaxies(list(found), list(found.values()), columns, votes, questions)
        return self.finished(galaxies, unknown=["artifact"])


def morphology(questions: QuestionTree, votes: np.ndarray) -> np.ndarray:
    """(N, A) votes on the tree "gz2" -> (N,) object str: the galaxy's kind along the leading path, "" without votes.

    One of round, in-between, cigar (smooth), edge-on, spiral, disk (featured, neither edge-on nor spiral), artifact.
    """
    paths = questions.leading_path(votes)
    kinds = [next((kind for answer, kind in _MORPHOLOGY.items() if answer in path), "") for path in paths]
    return np.array(kinds, dtype=object)


def _refuse_malformed(shares: np.ndarray, table: Table) -> None:
    bad = np.argwhere(~((shares >= 0) & (shares <= 1 + _ROUNDING)))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"{table.file}: galaxy {table.ids[row]!r}, column {COLUMNS[column]!r}: {shares[row, column]:g} is not a "
            f"share in [0, 1]; get the file again"
        )
