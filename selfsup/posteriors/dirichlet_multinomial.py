"""How many volunteers of a crowd give each answer, where each crowd has fractions of its own.

The fractions f are drawn from Dir(alpha), the votes k of N volunteers from Mult(N, f). With A = sum alpha,

    log p(k | alpha, N) = lgamma(N + 1) - sum lgamma(k_i + 1)
                          + lgamma(A) - lgamma(N + A) + sum [lgamma(k_i + alpha_i) - lgamma(alpha_i)]

and a single answer's count is beta-binomial with alpha_i and A - alpha_i (Mosimann 1962, Biometrika 49, 65). Here in
numpy and double precision, for looking; the loss that learns alpha is `objectives.dirichlet`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, gammaln

Table = NDArray[np.float64]
Counts = NDArray[np.int64]


def log_pmf(votes: ArrayLike, alpha: ArrayLike) -> Table:
    """Counts (..., a) >= 0 and concentrations (..., a) > 0, broadcast -> (...) log p(k | alpha, N); 0 where N = 0.

    Counts may be real numbers, as those that are made of published shares.
    """
    k, a = np.asarray(votes, dtype=np.float64), np.asarray(alpha, dtype=np.float64)
    n, total = k.sum(-1), a.sum(-1)
    coefficient = gammaln(n + 1) - gammaln(k + 1).sum(-1)
    evidence = gammaln(total) - gammaln(n + total)
    log_p: Table = coefficient + evidence + (gammaln(k + a) - gammaln(a)).sum(-1)
    return log_p


def log_rising(alpha: Table, most: int) -> Table:
    """(...) > 0 -> (..., most + 1), lgamma(alpha + k) - lgamma(alpha) for k = 0 ... most, as sums of logarithms."""
    rising = np.zeros((*alpha.shape, most + 1))
    np.cumsum(np.log(alpha[..., None] + np.arange(most)), axis=-1, out=rising[..., 1:])
    return rising


def marginal(alpha: Table, rest: Table, totals: NDArray[np.integer]) -> Iterator[Table]:
    """Yield p(k | N) of one answer for k = 0, 1, ... up to the largest N, each (S, ...); 0 where k > N.

    Args:
        alpha: (S, ...) concentration of the answer.
        rest: (S, ...) summed concentration of the other answers.
        totals: (...) N >= 0, of each galaxy.
    """
    log_p: Table = betaln(alpha, rest + totals) - betaln(alpha, rest)
    for k in range(int(totals.max(initial=0)) + 1):
        yield np.exp(log_p)
        left = totals - k
        with np.errstate(divide="ignore"):  # log 0: nobody is left to give the answer
            some = np.log(np.maximum(left, 0) / (k + 1))
        # In logarithms, because p(0) of a crowd of thousands underflows.
        log_p = log_p + some + np.log((alpha + k) / (rest + np.maximum(left, 1) - 1))


def number_of_compositions(total: int, answers: int) -> int:
    """In how many ways `total` votes can fall on `answers` answers: C(N + a - 1, a - 1)."""
    return math.comb(total + answers - 1, answers - 1)


def compositions(total: int, answers: int) -> Counts:
    """Every way in which `total` votes can fall on a answers, (K, a), by stars and bars."""
    places = total + answers - 1
    found = list(itertools.combinations(range(places), answers - 1))
    bars = np.array(found, dtype=np.int64).reshape(len(found), answers - 1)
    return np.diff(bars, axis=1, prepend=-1, append=places) - 1


def draw(alpha: Table, totals: ArrayLike, rng: np.random.Generator) -> Counts:
    """Concentrations (..., a) and crowds broadcast to (...) -> (..., a) votes, one draw each."""
    gamma = rng.standard_gamma(alpha)
    counts: Counts = rng.multinomial(np.asarray(totals, dtype=np.int64), gamma / gamma.sum(-1, keepdims=True))
    return counts
