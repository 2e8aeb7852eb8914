"""A score along a quantity (magnitude, size, redshift): in bins, each with an interval and the number of its galaxies.

Shares have the interval of Wilson 1927, which keeps its promise also near 0 and 1 and in small bins (Brown, Cai &
DasGupta 2001); other statistics the percentiles of the bootstrap (Efron 1979).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, bootstrap

_MOST_STEPS = 30
"""Different whole numbers of a quantity that get a bin each (a T-type has 17)."""


@dataclass(frozen=True)
class Bin:
    """The galaxies whose quantity lies in [low, high), of the last bin also at high.

    Args:
        low: where the bin begins.
        high: where it ends.
        at: their median.
        galaxies: in it.
        score: of them.
        lower: end of the interval.
        upper: end of the interval.
    """

    low: float
    high: float
    at: float
    galaxies: int
    score: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Uncertainty:
    """How intervals are made.

    Args:
        level: probability inside.
        draws: of the bootstrap.
        seed: of the bootstrap.
    """

    level: float
    draws: int
    seed: int


def edges(quantity: np.ndarray, bins: int) -> np.ndarray:
    """(N,) -> ends of at most so many bins of equal numbers of galaxies; of few whole numbers, a bin for each.

    There must be a finite one.
    """
    known = quantity[np.isfinite(quantity)]
    values = np.unique(known)
    ends: np.ndarray = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)))
    if len(values) <= _MOST_STEPS and (values == np.rint(values)).all():
        ends = np.r_[values[:1] - 0.5, (values[:-1] + values[1:]) / 2, values[-1:] + 0.5]
    return ends


def shares_along(hit: np.ndarray, quantity: np.ndarray, ends: np.ndarray, level: float) -> list[Bin]:
    """(N,) bool -> the share of hits in each bin that has galaxies."""
    found = []
    for low, high, at, inside in _bins(quantity, ends):
        hits, count = int(hit[inside].sum()), len(inside)
        interval = binomtest(hits, count).proportion_ci(level, method="wilson")
        found.append(Bin(low, high, at, count, hits / count, float(interval.low), float(interval.high)))
    return found


def statistic_along(
    values: np.ndarray,
    quantity: np.ndarray,
    ends: np.ndarray,
    statistic: Callable[..., np.ndarray],
    uncertainty: Uncertainty,
) -> list[Bin]:
    """(N,) numbers -> a statistic (along an `axis`) of each bin that has galaxies; no interval around a single one."""
    found = []
    for low, high, at, inside in _bins(quantity, ends):
        part = values[inside]
        lower = upper = np.nan
        if len(part) > 1:
            interval = bootstrap(
                (part,), statistic, n_resamples=uncertainty.draws, confidence_level=uncertainty.level,
                method="percentile", rng=uncertainty.seed,
            ).confidence_interval  # fmt: skip
            lower, upper = float(interval.low), float(interval.high)
        found.append(Bin(low, high, at, len(part), float(statistic(part, axis=0)), lower, upper))
    return found


def _bins(quantity: np.ndarray, ends: np.ndarray) -> Iterator[tuple[float, float, float, np.ndarray]]:
    """Each bin that has galaxies: where it begins and ends, their median, and their rows."""
    place = np.searchsorted(ends, quantity, side="right") - 1
    place[quantity == ends[-1]] = len(ends) - 2
    place[~np.isfinite(quantity)] = -1
    for i in range(len(ends) - 1):
        inside = np.flatnonzero(place == i)
        if len(inside):
            yield float(ends[i]), float(ends[i + 1]), float(np.median(quantity[inside])), inside
