"""Who is best on a benchmark, who is not shown to be worse, and every pair of methods over the seeds that both have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from selfsup.report.methods import PIXELS, Column, Method
from selfsup.report.statistics import LEVEL, Paired, holm, interval, paired

BEST, LEVEL_WITH_BEST, WORSE, UNTESTED = "best", "not shown to be worse", "worse", "not tested"
Scores = Mapping[Method, Mapping[str, float]]
"""Method -> seed -> score, of one column."""


@dataclass(frozen=True)
class Comparison:
    """Two methods with the same encoder on one benchmark, over the same seeds; positive where `one` is better.

    Args:
        column, one, other: what is compared.
        paired: `one` minus `other`, in the direction that is better.
        p_holm: of the t test, corrected for all comparisons of the column.
    """

    column: Column
    one: Method
    other: Method
    paired: Paired
    p_holm: float


def standings(there: Scores, column: Column) -> dict[Method, tuple[str, float]]:
    """Method -> how it stands beside the best, and the corrected p of being as good; NaN without a test."""
    means = {method: better(interval(list(seeds.values())).mean, column) for method, seeds in there.items()}
    best = max(_eligible(there), key=lambda method: means[method])
    others = [method for method in there if method is not best]
    p = holm([_over_seeds(there, best, method, column).p_t for method in others])
    found = {best: (BEST, math.nan)}
    for method, value in zip(others, p, strict=True):
        worse = WORSE if value < 1 - LEVEL else LEVEL_WITH_BEST
        found[method] = (worse if math.isfinite(value) else UNTESTED, value)
    return found


def comparisons(there: Scores, column: Column) -> list[Comparison]:
    """All pairs of methods with one encoder, and of each with the pixels, that have seeds in common."""
    pairs = [pair for pair in combinations(there, 2) if pair[0].encoder == pair[1].encoder or PIXELS in _kinds(pair)]
    tests = [_over_seeds(there, one, other, column) for one, other in pairs]
    corrected = holm([test.p_t for test in tests])
    return [
        Comparison(column, one, other, test, p)
        for (one, other), test, p in zip(pairs, tests, corrected, strict=True)
        if test.difference.n
    ]


def _eligible(there: Scores) -> list[Method]:
    """Who can be best: one lucky seed is no best method, where others have several."""
    if all(len(seeds) < 2 for seeds in there.values()):
        return list(there)
    return [method for method, seeds in there.items() if len(seeds) > 1 or not method.seeded]


def _kinds(pair: Sequence[Method]) -> set[str]:
    return {method.objective for method in pair}


def _over_seeds(there: Scores, one: Method, other: Method, column: Column) -> Paired:
    """One minus other, better being higher; what has no seed stands beside every seed of the other."""
    sides = []
    for method, opposite in ((one, other), (other, one)):
        values = {seed: better(value, column) for seed, value in there[method].items()}
        sides.append(values if method.seeded else dict.fromkeys(there[opposite], next(iter(values.values()))))
    return paired(*sides)


def better(value: float, column: Column) -> float:
    """The score with its sign, so that more is better."""
    return value if column.higher_is_better else -value
