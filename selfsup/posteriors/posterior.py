"""What S trained networks together say of the votes: an equal mixture of their Dirichlet-multinomials.

    p(k | D) = 1/S sum_s DirMult(k; alpha_s, N),    p(f | D) = 1/S sum_s Dir(f; alpha_s)

for the votes k of N volunteers and for the fractions f of an infinite crowd (Walmsley et al. 2022, MNRAS 509, 3966,
section 4; arXiv:2102.08414). Networks are checkpoints of several trainings, dropout passes of one, or both. Given a
network, questions are independent; so the joint probability of answers down the tree is a product for each network,
and the mixture is of the products.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from selfsup.posteriors.beta_mixture import quantile
from selfsup.posteriors.dirichlet_multinomial import Counts, Table, draw, log_pmf, marginal
from selfsup.posteriors.information import Information, mutual_information
from selfsup.processors import processors
from selfsup.types import ConfigError, DataError
from selfsup.votes import QuestionTree

EVERY = slice(None)
BUDGET = 400_000
"""Concentrations (models x galaxies x answers) that are worked on at a time: a few arrays of them fit a cache."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """The concentrations that S networks predict for N galaxies, and what follows from them.

    Args:
        tree: what the A answers are.
        alphas: (S, N, A) > 0.

    Raises:
        DataError: not of that shape, or not positive and finite.
        ConfigError: a question with a single answer, of which there is nothing to say.
    """

    tree: QuestionTree
    alphas: NDArray[np.floating]

    def __post_init__(self) -> None:
        """Refuse what is no posterior."""
        shape, answers = self.alphas.shape, len(self.tree.answers)
        if len(shape) != 3 or not shape[0] or shape[2] != answers:
            raise DataError(f"tree '{self.tree.name}' needs concentrations (S, N, {answers}), S above 0, not {shape}")
        if not (np.isfinite(self.alphas) & (self.alphas > 0)).all():
            raise DataError("a concentration is not positive and finite; was the training stopped by a bad loss?")
        for question in self.tree.questions:
            if len(question.answers) < 2:
                raise ConfigError(f"tree '{self.tree.name}', question '{question.name}': one answer leaves no doubt")

    def __len__(self) -> int:
        """N."""
        return int(self.alphas.shape[1])

    @property
    def models(self) -> int:
        """S."""
        return int(self.alphas.shape[0])

    def only(self, models: slice = EVERY, galaxies: slice | NDArray[np.integer] = EVERY) -> Posterior:
        """What some of the networks say of some of the galaxies."""
        return Posterior(self.tree, self.alphas[models][:, galaxies])

    def mean(self) -> Table:
        """(N, A) expected fraction of each answer among those who are asked; 1 in sum per question."""
        found: Table = np.mean([self._fractions(alpha) for alpha in self.alphas], axis=0)
        return found

    def asked(self) -> Table:
        """(N, Q) expected share of all volunteers who are asked each question; 1 for a root."""
        found: Table = np.mean([self.tree.asked(self._fractions(alpha)) for alpha in self.alphas], axis=0)
        return found

    def expected_error(self, totals: NDArray[np.integer] | None = None) -> Table:
        """(N, A) root mean square difference to expect between `mean` and the fraction that a crowd will give.

        Args:
            totals: (N, Q) volunteers asked; None for an infinite crowd. Of a crowd of nobody it is NaN.
        """
        mean, square = self.mean(), np.zeros((len(self), len(self.tree.answers)))
        for alpha in self.alphas.astype(np.float64):
            whole = self._totals(alpha)
            square += alpha * (alpha + 1) / (whole * (whole + 1)) / self.models
        variance = np.maximum(square - mean**2, 0.0)
        if totals is not None:  # and of n draws from the fraction: E[f (1 - f)] / n
            n = np.asarray(totals, dtype=np.float64)[:, self._question]
            variance += np.divide(mean - square, n, out=np.full_like(n, np.nan), where=n > 0)
        return np.sqrt(variance)

    def interval(self, level: float) -> Table:
        """(N, A, 2) central credible interval of each fraction, as an infinite crowd would give it.

        Args:
            level: probability inside, in (0, 1).
        """
        found = np.empty((len(self), len(self.tree.answers), 2))

        def fill(part: tuple[slice, Table, Table]) -> None:
            rows, alpha, rest = part
            flat = alpha.reshape(self.models, -1), rest.reshape(self.models, -1)
            for end, share in enumerate(tails(level)):
                found[rows, :, end] = quantile(*flat, share).reshape(alpha.shape[1:])

        with ThreadPoolExecutor(processors()) as threads:
            list(threads.map(fill, self._parts()))
        return found

    def predictive_interval(self, level: float, totals: NDArray[np.integer]) -> Counts:
        """(N, Q) volunteers asked -> (N, A, 2) fewest and most votes; inside with at least this probability.

        At most half of what is outside lies at either side: counts are whole, so that more than `level` is inside.
        """
        found = np.zeros((len(self), len(self.tree.answers), 2), dtype=np.int64)
        for rows, alpha, rest in self._parts():
            n = totals[rows][:, self._question]
            below = np.zeros(alpha.shape[1:])
            for pmf in marginal(alpha, rest, n):
                below += pmf.mean(0)
                for end, share in enumerate(tails(level)):
                    found[rows, :, end] += below < share
            found[rows] = np.minimum(found[rows], n[..., None])
        return found

    def pmf(self, answer: str, totals: NDArray[np.integer]) -> Table:
        """(N,) volunteers asked -> (S, N, K + 1), each network's p(k) of one answer "<question>_<answer>".

        K is the largest of `totals`; the mean over the first axis is p(k | D).
        """
        column = self.tree.answers.index(answer)
        answers = list(self.tree.slices.values())[self._question[column]]
        alpha = self.alphas[..., column].astype(np.float64)
        rest = self.alphas[..., answers].astype(np.float64).sum(-1) - alpha
        return np.stack(list(marginal(alpha, rest, totals)), axis=-1)

    def cumulative(self, votes: Counts) -> Table:
        """(N, A) votes -> (N, A, 2): p(fewer votes | D) and p(at most as many | D), given how many were asked."""
        found = np.zeros((*votes.shape, 2))
        totals = self.totals(votes)
        for rows, alpha, rest in self._parts():
            for k, pmf in enumerate(marginal(alpha, rest, totals[rows][:, self._question])):
                mixed = pmf.mean(0)
                found[rows, :, 0] += mixed * (k < votes[rows])
                found[rows, :, 1] += mixed * (k <= votes[rows])
        return np.minimum(found, 1.0)

    def log_likelihood(self, votes: NDArray[np.number]) -> Table:
        """(N, A) counts -> (N, Q) log p(k | D); 0 where nobody was asked."""
        questions = [
            logsumexp([log_pmf(votes[:, answers], alpha[:, answers]) for alpha in self.alphas], axis=0)
            for answers in self.tree.slices.values()
        ]
        likelihood: Table = np.stack(questions, axis=1) - np.log(self.models)
        return np.where(self.totals(votes) > 0, likelihood, 0.0)

    def mutual_information(self, question: str, total: int, exact_up_to: int, draws: int, seed: int) -> Information:
        """I between the network and the votes of `total` volunteers on a question, as in `information`."""
        alpha = self.alphas[..., self.tree.slices[question]].astype(np.float64)
        return mutual_information(alpha, total, exact_up_to, draws, seed)

    def draw(self, question: str, totals: NDArray[np.integer], rng: np.random.Generator) -> Counts:
        """(N,) volunteers asked -> (S, N, a) votes, one crowd from each network: equally likely futures."""
        return draw(self.alphas[..., self.tree.slices[question]].astype(np.float64), totals, rng)

    def totals(self, votes: NDArray[np.number]) -> NDArray[Any]:
        """(N, A) votes -> (N, Q) volunteers who were asked each question."""
        return np.stack([votes[:, answers].sum(1) for answers in self.tree.slices.values()], axis=1)

    @cached_property
    def _question(self) -> NDArray[np.intp]:
        """(A,) each answer's question."""
        sizes = [len(question.answers) for question in self.tree.questions]
        return np.repeat(np.arange(len(sizes)), sizes)

    def _totals(self, alpha: Table) -> Table:
        """(..., A) -> (..., A), for each answer the sum over its question."""
        starts = [answers.start for answers in self.tree.slices.values()]
        summed: Table = np.add.reduceat(alpha, starts, axis=-1)[..., self._question]
        return summed

    def _fractions(self, alpha: NDArray[np.floating]) -> Table:
        wide = alpha.astype(np.float64)
        return wide / self._totals(wide)

    def _parts(self) -> Iterator[tuple[slice, Table, Table]]:
        """Some galaxies at a time: their rows, (S, G, A) alpha, and the sum of the question's other answers."""
        size = max(1, BUDGET // (self.models * len(self.tree.answers)))
        for start in range(0, len(self), size):
            rows = slice(start, start + size)
            alpha = self.alphas[:, rows].astype(np.float64)
            yield rows, alpha, self._totals(alpha) - alpha


def tails(level: float) -> tuple[float, float]:
    """The shares below both ends of a central interval.

    Raises:
        ConfigError: no probability.
    """
    if not 0 < level < 1:
        raise ConfigError(f"level = {level}: a credible interval holds a probability between 0 and 1, such as 0.9")
    return (1 - level) / 2, (1 + level) / 2
