"""Quantiles of an equal mixture of Beta distributions: where the fraction lies if one of several models is right.

A mixture has no closed quantile. Newton's method on its cumulative distribution, started from the Beta distribution of
the same mean and variance and kept inside a bracket by bisection (Press et al. 2007, Numerical Recipes, section 9.4),
needs about four evaluations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, betaln, xlog1py, xlogy

Table = NDArray[np.float64]

TOLERANCE = 1e-7
"""Of a fraction in [0, 1]: a ten-millionth of a crowd."""


def quantile(alpha: Table, beta: Table, share: float) -> Table:
    """(S, M) parameters > 0 of S equally likely Beta distributions -> (M,) x with P(fraction <= x) = share.

    Args:
        alpha: first parameters.
        beta: second parameters.
        share: in (0, 1).
    """
    x, norm = _start(alpha, beta, share), betaln(alpha, beta)
    low, high, step = np.zeros_like(x), np.ones_like(x), np.ones_like(x)
    todo = np.arange(len(x))
    while len(todo):
        a, b, at = alpha[:, todo], beta[:, todo], x[todo]
        gap = betainc(a, b, at).mean(0) - share
        low[todo] = np.where(gap < 0, at, low[todo])
        high[todo] = np.where(gap < 0, high[todo], at)
        slope = np.exp(xlogy(a - 1, at) + xlog1py(b - 1, -at) - norm[:, todo]).mean(0)
        new = _next(at, gap, slope, low[todo], high[todo], step[todo])
        step[todo], x[todo] = np.abs(new - at), new
        todo = todo[step[todo] > TOLERANCE]
    return x


def _next(at: Table, gap: Table, slope: Table, low: Table, high: Table, step: Table) -> Table:
    """Newton's next point where it stays in the bracket and halves the last step, else the bracket's middle."""
    with np.errstate(divide="ignore", invalid="ignore"):  # flat between two modes: there the middle is taken
        newton = at - gap / slope
        good = (newton > low) & (newton < high) & (np.abs(newton - at) < step / 2)
    return np.where(good, newton, (low + high) / 2)


def _start(alpha: Table, beta: Table, share: float) -> Table:
    """(S, M) -> (M,) quantile of the one Beta distribution with the mean and variance of the mixture."""
    total = alpha + beta
    mean = (alpha / total).mean(0)
    square = (alpha * (alpha + 1) / (total * (total + 1))).mean(0)
    concentration = (mean - square) / (square - mean**2)
    guess: Table = betaincinv(mean * concentration, (1 - mean) * concentration, share)
    return np.clip(np.nan_to_num(guess, nan=0.5), TOLERANCE, 1 - TOLERANCE)
