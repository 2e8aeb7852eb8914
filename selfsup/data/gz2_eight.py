"""Galaxy Zoo 2 in eight classes: what most volunteers said, where enough of them said it.

The classes of Lin et al. 2021 (arXiv:2110.01024). The kind is read off the class string (Willett et al. 2013,
arXiv:1308.3496, appendix A: E or S and what follows), and a galaxy is kept where the fractions along its path pass the
thresholds of Willett et al. (table 3) and Zhu et al. 2019 (arXiv:1807.10406, table 1), whom Lin et al. follow; where
these name none for an answer, it needs half of the votes. The tables themselves were not at hand: 0.430, 0.715 and
0.420 are what Willett's published scripts select with, 0.469, 0.602 and the half for roundness what others quote of
the tables; the half for bars, irregulars and mergers is ours. Deviations: the fractions are those of the votes as they
were cast, where Lin et al. took the debiased ones of Hart et al. 2016, which are not in this data set; and no answer
needs the 20 votes that Willett et al. also ask for.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from selfsup.data.gz2_counts import GZ2Counts
from selfsup.data.source import Galaxies
from selfsup.types import DataError

COLUMN = "eight"
HALF = 0.5
_SMOOTH = {"smooth-or-featured_smooth": 0.469}
_FEATURED = {"smooth-or-featured_featured-or-disk": 0.430}
_FACE_ON = {**_FEATURED, "disk-edge-on_no": 0.715}
_ODD = {"something-odd_yes": 0.420}
REQUIRED: dict[str, dict[str, float]] = {
    "round": {**_SMOOTH, "how-rounded_round": HALF},
    "in-between": {**_SMOOTH, "how-rounded_in-between": HALF},
    "cigar": {**_SMOOTH, "how-rounded_cigar": HALF},
    "edge-on": {**_FEATURED, "disk-edge-on_yes": 0.602},
    "barred": {**_FACE_ON, "bar_yes": HALF},
    "unbarred": {**_FACE_ON, "bar_no": HALF},
    "irregular": {**_ODD, "odd-feature_irregular": HALF},
    "merger": {**_ODD, "odd-feature_merger": HALF},
}
"""Class -> answers and the least fraction of those asked that must have given each."""
_KINDS = (
    (r".*\(m\)", "merger"),
    (r".*\(i\)", "irregular"),
    (r"Er", "round"),
    (r"Ei", "in-between"),
    (r"Ec", "cigar"),
    (r"Se", "edge-on"),
    (r"SB", "barred"),
    (r"S", "unbarred"),
)
"""How a class string begins -> class; the first that fits. What is odd comes before what it would be otherwise."""


@dataclass(kw_only=True)
class GZ2Eight(GZ2Counts):
    """The folder of Galaxy Zoo 2 with whole votes, and the column `eight`, "" for galaxies of no clear class."""

    def finished(self, galaxies: Galaxies, unknown: Collection[str] = ()) -> Galaxies:
        """Adds the classes before the label is chosen.

        Raises:
            DataError: no column of class strings, or as for any data set.
        """
        if "gz2_class" not in galaxies.columns or galaxies.votes is None or galaxies.tree is None:
            raise DataError(f"{self.folder}/votes.csv: no column 'gz2_class' with the class strings of Galaxy Zoo 2")
        fractions = galaxies.tree.fractions(galaxies.votes)
        eight = eight_classes(galaxies.columns["gz2_class"], dict(zip(galaxies.tree.answers, fractions.T, strict=True)))
        return super().finished(replace(galaxies, columns={**galaxies.columns, COLUMN: eight}), unknown)


def eight_classes(strings: np.ndarray, fractions: dict[str, np.ndarray]) -> np.ndarray:
    """(N,) class strings, and for each answer the fraction (N,) of those asked -> (N,) class or ""."""
    kinds = [next((kind for start, kind in _KINDS if re.match(start, str(text))), "") for text in strings]
    return np.array([kind if _is_clear(kind, fractions, row) else "" for row, kind in enumerate(kinds)], dtype=object)


def _is_clear(kind: str, fractions: dict[str, np.ndarray], row: int) -> bool:
    """Whether enough people gave each answer; NaN, which nobody answered, is not enough."""
    return all(fractions[answer][row] >= least for answer, least in REQUIRED.get(kind, {}).items())
