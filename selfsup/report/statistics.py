"""What a few seeds can say: means with intervals, paired tests between methods, and how much n of them could show.

Student's t for means and paired differences; beside it the sign-flip test (Fisher 1935, "The Design of Experiments",
section 21), which assumes only that a difference would be as likely with the other sign, and counts all 2^n of them.
Comparisons that are made together are corrected after Holm 1979 (Scand. J. Statist. 6, 65). Bouthillier et al. 2021
(arXiv:2103.03098) show why the seeds must be varied, and the same ones given to every method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
"""Of every interval; 1 - LEVEL is what a p-value is compared with."""
POWER = 0.8
"""Chance to notice a difference, in `smallest_effect`."""
FLIPS = 65536
"""Most sign patterns of the sign-flip test: all of them up to n = 16, that many at random above."""


@dataclass(frozen=True)
class Interval:
    """A mean and where it lies.

    Args:
        mean: of n values.
        low, high: the interval of Student's t at `LEVEL`; NaN for n below 2.
        std: of the values, n - 1 in the denominator; NaN for n below 2.
        n: how many.
    """

    mean: float
    low: float
    high: float
    std: float
    n: int

    @property
    def reach(self) -> float:
        """Half of its width: what stands behind the ±."""
        return self.high - self.mean


@dataclass(frozen=True)
class Paired:
    """One method minus another, over what both were given.

    Args:
        difference: mean and interval of the differences.
        p_t: two-sided, of the paired t test; NaN for n below 2.
        p_flip: two-sided, of the sign-flip test; NaN for n of 0.
    """

    difference: Interval
    p_t: float
    p_flip: float


def interval(values: Sequence[float]) -> Interval:
    """Mean and interval of some values; NaN of none."""
    x = np.asarray(values, dtype=float)
    n = len(x)
    if n < 2:
        return Interval(float(x[0]) if n else math.nan, math.nan, math.nan, math.nan, n)
    mean, std = float(x.mean()), float(x.std(ddof=1))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * std / math.sqrt(n)
    return Interval(mean, mean - reach, mean + reach, std, n)


def paired(one: Mapping[str, float], other: Mapping[str, float]) -> Paired:
    """Compare two methods over the keys (seeds, draws) that both have; what only one has says nothing here."""
    both = sorted(one.keys() & other.keys())
    differences = np.array([one[key] - other[key] for key in both])
    return Paired(interval(differences.tolist()), _p_t(differences), sign_flip(differences))


def sign_flip(differences: np.ndarray) -> float:
    """(n,) differences -> two-sided p of a mean as far from 0, if each could as well have the other sign."""
    n = len(differences)
    if n == 0:
        return math.nan
    if 2**n <= FLIPS:
        bits = np.arange(2**n)[:, None] >> np.arange(n)
    else:  # the pattern that was seen is one of them, so that p is never 0
        bits = np.random.default_rng(0).integers(0, 2, (FLIPS, n))
        bits[0] = 0
    flipped = np.abs((1 - 2 * (bits & 1)) @ differences)
    seen = abs(differences.sum())
    return float((flipped >= seen * (1 - 1e-12)).mean())


def holm(p: Sequence[float]) -> list[float]:
    """P-values of comparisons made together -> corrected ones; NaN (no test) stays and does not count."""
    values = np.asarray(p, dtype=float)
    tested = np.flatnonzero(np.isfinite(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    corrected = np.full(len(values), math.nan)
    steps = values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return [float(value) for value in corrected]


def rank_correlation(one: Mapping[str, float], other: Mapping[str, float]) -> tuple[float, int]:
    """Spearman's coefficient over the keys that both have, and how many; NaN below 3, or where one never differs."""
    both = sorted(one.keys() & other.keys())
    x, y = (np.array([side[key] for key in both]) for side in (one, other))
    if len(both) < 3 or not np.ptp(x) or not np.ptp(y):
        return math.nan, len(both)
    return float(stats.spearmanr(x, y).statistic), len(both)


def smallest_effect(n: int) -> float:
    """The mean difference, in standard deviations of the differences, that a paired t test of n finds with `POWER`."""
    if n < 2:
        return math.inf
    low, high = 0.0, 1.0
    while _power(high, n) < POWER:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _power(middle, n) < POWER else (low, middle)
    return high


def what_n_can_show(n: int) -> str:
    """A sentence on what n paired values can and cannot show."""
    if n < 2:
        return "With one seed there is neither an interval nor a test: differences may be luck."
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) / math.sqrt(n)
    needed = math.ceil(1 - math.log2(1 - LEVEL))
    flips = f"The sign-flip test cannot fall below p = {2 / 2**n:.2g}"
    flips += f", so that it needs {needed} to reach {1 - LEVEL:.2g}" if n < needed else ""
    return (
        f"With n = {n} an interval reaches {reach:.2f} standard deviations to each side, and the paired t test finds a "
        f"difference of {smallest_effect(n):.1f} standard deviations (of the differences) in {POWER:.0%} of cases: "
        f"what is not significant may still be there. {flips}."
    )


def _p_t(differences: np.ndarray) -> float:
    n = len(differences)
    if n < 2:
        return math.nan
    spread = float(differences.std(ddof=1))
    if spread <= 1e-12 * float(np.abs(differences).max()):  # the same n times: nothing, or no chance of nothing
        return 0.0 if differences.any() else 1.0
    return float(2 * stats.t.sf(abs(differences.mean()) / (spread / math.sqrt(n)), n - 1))


def _power(effect: float, n: int) -> float:
    """Chance that a paired t test of n finds a mean of `effect` standard deviations."""
    edge = stats.t.ppf((1 + LEVEL) / 2, n - 1)
    shift = effect * math.sqrt(n)
    return float(stats.nct.sf(edge, n - 1, shift) + stats.nct.cdf(-edge, n - 1, shift))
