"""Whether predicted votes keep their promises: of what was called 80 % probable, 80 % should happen.

Intervals: the share of observed counts inside a central interval. Counts are whole, so that no interval of counts has
exactly the probability wanted; instead the probability integral transform u of a count k is uniform between P(fewer
than k) and P(at most k) (Smith 1985, J. Forecast. 4, 283), and the share of u in the interval is averaged over all such
draws, which needs none (Czado, Gneiting and Held 2009, Biometrics 65, 1254). A forecast that is right covers exactly.

Probabilities: expected calibration error, the mean distance between what was predicted and what happened over bins of
the prediction (Guo et al. 2017, arXiv:1706.04599, equation 3), of the crowd's majority and of single votes. The latter
answer by answer (classwise, Kull et al. 2019, arXiv:1910.12656): over all answers together, what one has too much and
another too little would cancel, because fractions sum to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selfsup.posteriors.dirichlet_multinomial import Counts, Table
from selfsup.posteriors.posterior import Posterior, tails
from selfsup.types import DataError


class Curve(NamedTuple):
    """What was predicted and what happened, in bins of the prediction that hold something.

    Args:
        predicted: (b,) mean prediction.
        observed: (b,) share that happened.
        weight: (b,) cases: votes, or galaxies.
    """

    predicted: Table
    observed: Table
    weight: Table

    @property
    def error(self) -> float:
        """The expected calibration error."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.weight))


@dataclass(frozen=True)
class Calibration:
    """How well a posterior fits observed votes; questions that nobody was asked are left out.

    Args:
        metrics: log_likelihood, coverage_<percent>, ece, majority_ece, of all and as "<question>/<metric>".
        votes: question -> single votes against predicted fractions.
        majority: question -> whether the likeliest answer has most votes, against the probability of that.
    """

    metrics: dict[str, float]
    votes: dict[str, Curve]
    majority: dict[str, Curve]


def calibrate(
    posterior: Posterior, votes: NDArray[np.number], levels: Sequence[float], bins: int, crowds: int, seed: int
) -> Calibration:
    """Compare a posterior with observed votes.

    Args:
        posterior: of the N galaxies.
        votes: (N, A) counts; those made of published shares are rounded to whole votes.
        levels: probabilities of the central intervals.
        bins: of equal width, of each calibration curve.
        crowds: drawn from each network for the probability of the majority.
        seed: of the crowds.

    Raises:
        DataError: malformed votes, of other galaxies, or nobody was asked anything.
    """
    counts = whole_votes(posterior, votes)
    asked = posterior.totals(counts) > 0
    if not asked.any():
        raise DataError("nobody voted on any of these galaxies, so there is nothing to compare with")
    questions = {q.name: asked[:, i] for i, q in enumerate(posterior.tree.questions) if asked[:, i].any()}
    rng = np.random.default_rng(seed)
    mean, slices = posterior.mean(), {q: s for q, s in posterior.tree.slices.items() if q in questions}
    curves = {q: vote_curve(mean[:, s], counts[:, s], bins) for q, s in slices.items()}
    majority = {q: majority_curve(posterior, q, counts, bins, crowds, rng) for q in questions}
    metrics = {
        **_by_question("log_likelihood", posterior.log_likelihood(counts), questions, posterior),
        **_coverage(posterior, counts, levels, questions),
        **_pooled("ece", {q: _classwise(mean[:, s], counts[:, s], bins) for q, s in slices.items()}, curves),
        **_pooled("majority_ece", {q: curve.error for q, curve in majority.items()}, majority),
    }
    first = dict(sorted(metrics.items(), key=lambda item: "/" in item[0]))  # those of all questions
    return Calibration(first, curves, majority)


def whole_votes(posterior: Posterior, votes: NDArray[np.number]) -> Counts:
    """(N, A) counts -> the same rounded.

    Raises:
        DataError: of another number of galaxies or answers, negative or not finite.
    """
    if len(votes) != len(posterior):
        raise DataError(f"votes of {len(votes)} galaxies, but predictions of {len(posterior)}; give those of the same")
    posterior.tree.fractions(votes)  # which refuses what is malformed
    counts: Counts = np.rint(votes).astype(np.int64)
    return counts


def covered(cumulative: Table, level: float) -> Table:
    """(..., 2) P(fewer), P(at most) -> (...) in [0, 1], how much of that stretch lies in the central interval."""
    low, high = cumulative[..., 0], cumulative[..., 1]
    first, last = tails(level)
    inside = np.minimum(high, last) - np.maximum(low, first)
    width = high - low
    # A count that is all but impossible has no width; it is inside or not.
    share = np.divide(inside, width, out=np.where((low > first) & (low < last), 1.0, 0.0), where=width > 0)
    return np.asarray(np.clip(share, 0.0, 1.0))


def vote_curve(mean: Table, votes: Counts, bins: int) -> Curve:
    """Expected fractions (N, a) and votes (N, a) of one question -> each vote a case, for each answer of the question.

    A galaxy whose question N volunteers answered is N cases of each answer, k_i of which happened.
    """
    total = np.broadcast_to(votes.sum(1, keepdims=True), votes.shape)
    return _binned(mean.ravel(), votes.ravel(), total.ravel(), bins)


def majority_curve(
    posterior: Posterior, question: str, votes: Counts, bins: int, crowds: int, rng: np.random.Generator
) -> Curve:
    """Votes (N, A) -> each galaxy a case: that the answer with the largest expected fraction gets most votes.

    A tie of m answers counts 1 / m, when it is predicted as when it happens.
    """
    columns = posterior.tree.slices[question]
    asked = np.flatnonzero(votes[:, columns].sum(1))
    part, seen = posterior.only(galaxies=asked), votes[asked, columns]
    best, total = part.mean()[:, columns].argmax(1), seen.sum(1)
    predicted = np.mean([_wins(part.draw(question, total, rng), best).mean(0) for _ in range(crowds)], axis=0)
    return _binned(predicted, _wins(seen, best), np.ones(len(asked)), bins)


def _wins(votes: Counts, best: NDArray[np.intp]) -> Table:
    """(..., N, a) votes, (N,) an answer -> (..., N) 1 where it has most votes, 1 / m where m answers have as many."""
    leads = votes == votes.max(-1, keepdims=True)
    chosen = np.take_along_axis(leads, np.broadcast_to(best, leads.shape[:-1])[..., None], -1)[..., 0]
    return np.asarray(chosen / leads.sum(-1))


def _binned(predicted: Table, happened: NDArray[Any], cases: NDArray[Any], bins: int) -> Curve:
    """Each prediction stands for a number of cases, in some of which it happened."""
    place = np.minimum((predicted * bins).astype(np.int64), bins - 1)
    summed = [np.bincount(place, w, bins).astype(np.float64) for w in (cases, happened, predicted * cases)]
    weight, hits, said = summed
    some = weight > 0
    return Curve(said[some] / weight[some], hits[some] / weight[some], weight[some])


def _coverage(
    posterior: Posterior, counts: Counts, levels: Sequence[float], questions: Mapping[str, NDArray[np.bool_]]
) -> dict[str, float]:
    cumulative = posterior.cumulative(counts)
    metrics: dict[str, float] = {}
    for level in levels:
        inside = covered(cumulative, level)
        each = np.stack([inside[:, s].mean(1) for s in posterior.tree.slices.values()], axis=1)
        metrics |= _by_question(f"coverage_{100 * level:g}", each, questions, posterior)
    return metrics


def _by_question(
    name: str, values: Table, questions: Mapping[str, NDArray[np.bool_]], posterior: Posterior
) -> dict[str, float]:
    """(N, Q) values -> their mean over the galaxies asked: of every question put to them, and question by question."""
    columns = {q: i for i, q in enumerate(posterior.tree.slices)}
    parts = {q: values[asked, columns[q]] for q, asked in questions.items()}
    metrics = {name: float(np.concatenate(list(parts.values())).mean())}
    return metrics | {f"{q}/{name}": float(part.mean()) for q, part in parts.items()}


def _classwise(mean: Table, votes: Counts, bins: int) -> float:
    """(N, a) fractions and votes of one question -> the mean calibration error of its answers."""
    total = votes.sum(1)
    return float(np.mean([_binned(mean[:, i], votes[:, i], total, bins).error for i in range(votes.shape[1])]))


def _pooled(name: str, errors: Mapping[str, float], curves: Mapping[str, Curve]) -> dict[str, float]:
    """The errors of the questions, and their mean, weighted by the cases of the curves."""
    weights = [curves[q].weight.sum() for q in errors]
    metrics = {name: float(np.average(list(errors.values()), weights=weights))}
    return metrics | {f"{q}/{name}": error for q, error in errors.items()}
