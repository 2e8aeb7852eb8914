"""Two encoders beside each other: which galaxies are the same, and how many of their neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfsup.explorer.exhibit import Exhibit
from selfsup.explorer.near import SHOWN


@dataclass(frozen=True)
class Comparison:
    """What two catalogues have in common, by the ids of their galaxies.

    Args:
        there: (N0,) int32 row in the second catalogue of each galaxy of the first, -1 for none.
        back: (N1,) int32 the other way.
        overlap: mean share of a galaxy's nearest that are its nearest in both, over a sample; None without any.
        sample: galaxies in it.
    """

    there: np.ndarray
    back: np.ndarray
    overlap: float | None
    sample: int

    @property
    def said(self) -> dict[str, float | int | None]:
        """As a page is told."""
        return {"overlap": self.overlap, "sample": self.sample, "matched": int((self.there >= 0).sum())}


def compare(first: Exhibit, second: Exhibit, sample: int, seed: int) -> Comparison:
    """Match the galaxies of two catalogues, and compare the neighbours of at most `sample` of them."""
    there, back = (a.prepared.table.match(b.prepared.table) for a, b in ((first, second), (second, first)))
    matched = np.flatnonzero(there >= 0)
    rows = np.sort(np.random.default_rng(seed).choice(matched, min(sample, len(matched)), replace=False))
    near = first.nearest(rows.tolist())
    other = second.nearest(there[rows].tolist())
    common = [
        len({int(there[row]) for row, _ in ours} & {row for row, _ in theirs}) / SHOWN
        for ours, theirs in zip(near, other, strict=True)
    ]
    return Comparison(there, back, float(np.mean(common)) if common else None, len(rows))
