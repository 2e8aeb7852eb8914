"""Ways to hunt for interesting galaxies: from those that are rated, what to ask next, and how all rank.

- `gp`: Walmsley et al. 2022 (MNRAS 513, 1581): a Gaussian process and its expected improvement (`interest`).
- `random`: the same process, but it is asked about galaxies at random: what choosing them is worth.
- `isolation_forest`: Liu et al. 2008 (ICDM), the strangest galaxies first, whatever anybody says of them.
- `astronomaly`: Lochner and Bassett 2021 (arXiv:2010.11202, active learning): the forest's score s, lowered unless what
  a random forest regression U predicts of the ratings is high, the more so the nearer a rating is:

      s tanh(delta - 1 + arctanh(e1 + e2 U / 5)),    delta = exp(alpha d / mean d),

  with d the distance to the nearest rating, e1 = 0.1, e2 = 0.85, s scaled to 0 ... 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import IsolationForest, RandomForestRegressor
from sklearn.neighbors import NearestNeighbors

from selfsup.analysis.interest import Bounds, fit_interest, log_expected_improvement, predict_interest
from selfsup.analysis.journal import MOST

_LARGEST = 20.0
"""An exponent beyond which tanh is 1 to all digits, and exp would overflow at last."""


@dataclass(frozen=True)
class Opinion:
    """Of N galaxies.

    Args:
        asks: (N,) the higher, the sooner a person is asked.
        ranks: (N,) the higher, the more interesting it is held to be.
    """

    asks: np.ndarray
    ranks: np.ndarray


Hunter = Callable[[np.ndarray, np.ndarray], Opinion]
"""Rows that were rated (n,) and their ratings (n,) -> what it holds of all galaxies."""
Method = Callable[[np.ndarray, int], Hunter]
"""Where the N galaxies are (N, K), a seed -> one who hunts there."""


@dataclass(frozen=True)
class GaussianProcess:
    """`gp`, or `random`.

    Args:
        bounds: of the kernel.
        tradeoff: xi, between sure and unknown galaxies.
        random: ask at random.
    """

    bounds: Bounds
    tradeoff: float
    random: bool = False

    def __call__(self, position: np.ndarray, seed: int) -> Hunter:
        """One who hunts here."""
        chance = np.random.default_rng(seed)

        def hunter(known: np.ndarray, rating: np.ndarray) -> Opinion:
            mean, std = predict_interest(fit_interest(position[known], rating, self.bounds), position)
            if self.random:
                return Opinion(chance.random(len(position)), mean)
            return Opinion(log_expected_improvement(mean, std, float(rating.max()), self.tradeoff), mean)

        return hunter


@dataclass(frozen=True)
class StrangestFirst:
    """`isolation_forest`.

    Args:
        trees: of the forest.
        components: that it sees, the first of them.
    """

    trees: int
    components: int

    def __call__(self, position: np.ndarray, seed: int) -> Hunter:
        """One who hunts here."""
        opinion = Opinion(*[strangeness(position[:, : self.components], self.trees, seed)] * 2)
        return lambda known, rating: opinion


@dataclass(frozen=True)
class Astronomaly:
    """`astronomaly`.

    Args:
        trees: of the isolation forest.
        components: that both forests see, the first of them.
        regression_trees: of the forest that learns ratings.
        least: e1, what stays of the score of a galaxy like those that were rated 0.
        reach: e2, how much a rating adds to it; e1 + e2 is below 1.
        alpha: how soon a rating is forgotten with distance.
    """

    trees: int
    components: int
    regression_trees: int
    least: float
    reach: float
    alpha: float

    def __call__(self, position: np.ndarray, seed: int) -> Hunter:
        """One who hunts here."""
        seen = position[:, : self.components]
        strange = strangeness(seen, self.trees, seed)
        scaled = MOST * (strange - strange.min()) / max(np.ptp(strange), np.finfo(float).tiny)

        def hunter(known: np.ndarray, rating: np.ndarray) -> Opinion:
            learner = RandomForestRegressor(n_estimators=self.regression_trees, random_state=seed).fit(
                seen[known], rating
            )
            distance = NearestNeighbors(n_neighbors=1).fit(seen[known]).kneighbors(seen)[0][:, 0]
            return Opinion(*[self.combined(scaled, learner.predict(seen), distance)] * 2)

        return hunter

    def combined(self, strange: np.ndarray, rated: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Score of the forest, predicted rating and distance to the nearest rating, each (N,) -> the equation above."""
        typical = max(float(distance.mean()), np.finfo(float).tiny)
        forgotten = np.exp(np.minimum(self.alpha * distance / typical, _LARGEST))
        score: np.ndarray = strange * np.tanh(forgotten - 1 + np.arctanh(self.least + self.reach * rated / MOST))
        return score


def strangeness(position: np.ndarray, trees: int, seed: int) -> np.ndarray:
    """(N, K) -> (N,) the isolation forest's score, larger is stranger."""
    score: np.ndarray = -IsolationForest(n_estimators=trees, random_state=seed).fit(position).score_samples(position)
    return score
