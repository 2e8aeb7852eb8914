"""How many labels a better start is worth: with what number of labels does the plain start reach the same score?

    factor(n) = n_plain / n,  where plain(n_plain) = other(n)

n_plain is read off the plain curve's running maximum, linearly in log n between its points. Beyond its ends only a
bound is known: "more than" where the plain start never gets there. The interval is a bootstrap over draws (Efron 1979),
each draw giving both starts the same galaxies; it is open where more than a 40th of the resamples have no end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selfsup.report.statistics import LEVEL
from selfsup.report.tables import number

Curve = Mapping[int, Sequence[float]]
"""Labels -> score of each draw, in the order of the draws; more is better."""
RESAMPLES = 1000


@dataclass(frozen=True)
class Saved:
    """What a start is worth at n labels.

    Args:
        factor: inf where the plain start never gets there, 0 where it is there with the fewest labels tried.
        low, high: of the interval; 0 and inf where it is open.
        least, most: factors that the labels tried can tell: what is known where `factor` or an end is open.
    """

    factor: float
    low: float
    high: float
    least: float
    most: float

    def __str__(self) -> str:
        """In words, as "3.1 (2.0 to more than 4)"."""
        return f"{self._said(self.factor)} ({self._said(self.low)} to {self._said(self.high)})"

    def _said(self, value: float) -> str:
        if math.isinf(value):
            return f"more than {number(self.most)}"
        return number(value) if value > 0 else f"less than {number(self.least)}"


def labels_saved(plain: Curve, other: Curve) -> dict[int, Saved]:
    """Number of labels -> what the other start saves there, for all that the other curve has.

    Raises:
        ValueError: the curves have not the same draws.
    """
    draws = {len(scores) for curve in (plain, other) for scores in curve.values()}
    if len(draws) != 1:
        raise ValueError(f"curves of {sorted(draws)} draws; give both the same")
    (count,) = draws
    labels = sorted(plain)
    known, better = (np.array([curve[n] for n in sorted(curve)], dtype=float) for curve in (plain, other))
    resampled = np.random.default_rng(0).integers(0, count, (RESAMPLES, count))
    found = {}
    for row, n in enumerate(sorted(other)):
        factor = _reached(labels, known.mean(axis=1), better[row].mean()) / n
        tried = [_reached(labels, known[:, pick].mean(axis=1), better[row, pick].mean()) / n for pick in resampled]
        low, high = np.quantile(tried, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="inverted_cdf")
        found[n] = Saved(factor, float(low), float(high), labels[0] / n, labels[-1] / n)
    return found


def _reached(labels: Sequence[int], scores: np.ndarray, level: float) -> float:
    """Labels with which a curve reaches a level: inf if never, 0 if with the fewest or less."""
    rising = np.maximum.accumulate(scores)
    if level > rising[-1]:
        return math.inf
    if level < rising[0]:
        return 0.0
    after = int(np.argmax(rising >= level))
    if after == 0 or rising[after] == level:
        return float(labels[after])
    before = after - 1
    share = (level - rising[before]) / (rising[after] - rising[before])
    return float(math.exp(math.log(labels[before]) + share * math.log(labels[after] / labels[before])))
