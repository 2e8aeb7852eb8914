"""A hunt in which the truth answers instead of a person: how soon does a method find what is interesting?

The benchmark of Walmsley et al. 2022 (MNRAS 513, 1581): 10 galaxies at random, then 10 after another those
that the method asks for, up to 200; after each ten all galaxies are ranked, and the top of the ranking is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfsup.analysis.hunters import Hunter
from selfsup.analysis.interest import highest
from selfsup.analysis.ranking import order, top_scores
from selfsup.analysis.truth import Truth
from selfsup.types import ConfigError


@dataclass(frozen=True)
class Plan:
    """How it is done.

    Args:
        labels: ratings that are given in all.
        batch: of them, at a time; so many are random at first.
        tops: lengths of the top of the ranking that is scored.

    Raises:
        ConfigError: a number below 1, or more in a batch than in all.
    """

    labels: int
    batch: int
    tops: Sequence[int]

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        if not 0 < self.batch <= self.labels:
            raise ConfigError(f"task.batch={self.batch}: write 1 to task.labels={self.labels}.")
        if not self.tops or min(self.tops) < 1:
            raise ConfigError(f"task.tops={list(self.tops)}: write numbers of galaxies, e.g. [50, 200].")

    def validate_for(self, galaxies: int) -> None:
        """Raise ConfigError where so many galaxies are too few."""
        for key, number in (("labels", self.labels), ("tops", max(self.tops))):
            if number > galaxies:
                raise ConfigError(f"task.{key}: {number} of {galaxies} galaxies with a truth; write less.")


def simulate(hunter: Hunter, truth: Truth, plan: Plan, seed: int) -> dict[str, list[float]]:
    """One hunt among N galaxies whose truth is known -> `labels`, and at each of them `found` and `top_scores`.

    Args:
        hunter: of these galaxies.
        truth: of them.
        plan: which fits their number.
        seed: of the first batch, so that every method begins with the same.
    """
    known = np.random.default_rng(seed).choice(len(truth.rating), plan.batch, replace=False)
    curves: dict[str, list[float]] = {}
    while True:
        opinion = hunter(known, truth.rating[known])
        rating = np.full(len(truth.rating), np.nan)
        rating[known] = truth.rating[known]
        ranked = truth.interesting[order(rating, opinion.ranks)]
        point = {"labels": len(known), "found": truth.interesting[known].sum(), **top_scores(ranked, plan.tops)}
        for name, value in point.items():
            curves.setdefault(name, []).append(float(value))
        if len(known) >= plan.labels:
            return curves
        size = min(plan.batch, plan.labels - len(known))
        known = np.concatenate([known, highest(opinion.asks, np.isnan(rating), size)])
