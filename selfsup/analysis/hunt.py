"""A hunt of a person: what was rated so far, what is held of every galaxy because of it, and whom to ask about next."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from selfsup.analysis.components import Field
from selfsup.analysis.interest import Bounds, fit_interest, highest, log_expected_improvement, predict_interest
from selfsup.analysis.journal import Journal
from selfsup.analysis.ranking import order

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Expected:
    """What is held of N galaxies; all NaN as long as none was rated.

    Args:
        rating: (N,) that was given, NaN unknown.
        mean: (N,) of the rating it would get.
        std: (N,) its standard deviation.
        log_improvement: (N,) logarithm of the expected improvement.
    """

    rating: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    log_improvement: np.ndarray

    @property
    def any_rated(self) -> bool:
        """Whether there is anything to expect."""
        return not bool(np.isnan(self.rating).all())

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """What a catalogue says of it."""
        return {
            "rating": self.rating.astype(np.float32),
            "interest": self.mean,
            "interest_std": self.std,
            "expected_improvement": np.exp(self.log_improvement).astype(np.float32),
        }

    def ranked(self) -> np.ndarray:
        """(N,) rows, the most interesting first."""
        return order(self.rating, self.mean)


@dataclass(frozen=True)
class Hunt:
    """A field and the journal of its ratings.

    Args:
        field: N galaxies.
        journal: may name galaxies of other fields, which are left out.
        bounds: of the kernel.
        tradeoff: xi, between sure and unknown galaxies.
        seed: of the first batch.
    """

    field: Field
    journal: Journal
    bounds: Bounds
    tradeoff: float
    seed: int

    def expected(self) -> Expected:
        """Learn from all ratings so far."""
        ratings = self.journal.ratings()
        place = _places(self.field.ids, list(ratings))
        if missing := len(ratings) - len(np.unique(place[place >= 0])):
            log.warning("%s: %d rated galaxies are not in this catalogue", self.journal.path, missing)
        rating = np.append(list(ratings.values()), np.nan)[place]  # place -1 is the NaN at the end
        known = np.flatnonzero(place >= 0)
        if not len(known):
            return Expected(*np.full((4, len(rating)), np.nan, dtype=np.float32))
        process = fit_interest(self.field.position[known], rating[known], self.bounds)
        mean, std = predict_interest(process, self.field.position)
        best = float(rating[known].max())
        return Expected(rating, mean, std, log_expected_improvement(mean, std, best, self.tradeoff))

    def next_batch(self, expected: Expected, size: int) -> np.ndarray:
        """Rows of the galaxies to ask about: never rated or offered, highest expected improvement; the first random."""
        seen = sorted(self.journal.seen())
        score = expected.log_improvement
        if not expected.any_rated:
            score = np.random.default_rng([self.seed, len(seen)]).random(len(score))
        return highest(score, _places(self.field.ids, seen) < 0, size)

    def ids(self, rows: np.ndarray) -> list[str]:
        """Of these rows."""
        names: list[str] = self.field.ids.take(pa.array(rows)).to_pylist()
        return names


def _places(ids: pa.ChunkedArray, wanted: list[str]) -> np.ndarray:
    """(N,) place of each id among those wanted, -1 where it is none of them."""
    found = pc.index_in(ids, value_set=pa.array(wanted, pa.string()))
    places: np.ndarray = found.fill_null(-1).to_numpy().astype(np.int64)
    return places
