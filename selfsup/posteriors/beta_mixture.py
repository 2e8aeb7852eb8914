"""Quantiles of an equal mixture of Beta distributions: where the fraction lies if one of several models is right.

A mixture has no closed quantile. Its distribution function is dear and its density's derivatives are not, so a step
takes three of them: the series of the inverse function to third order (Householder 1970, section 4.4), started from the
Beta distribution of the same mean and variance and kept inside a bracket by bisection (Press et al. 2007, Numerical
Recipes, section 9.4). One or two evaluations are enough, where Newton's method needs four.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, betaln

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
        move, left = _series(gap, *_density(a - 1, b - 1, norm[:, todo], at))
        new, bisected = _inside(at, move, low[todo], high[todo], step[todo])
        step[todo], x[todo] = np.abs(new - at), new
        todo = todo[np.where(bisected, step[todo], left) > TOLERANCE]
    return x


def _density(a: Table, b: Table, norm: Table, at: Table) -> tuple[Table, Table, Table, Table]:
    """(S, M) parameters less 1, logarithms of their beta functions -> (M,) density, two derivatives, steepest part."""
    density = np.exp(a * np.log(at) + b * np.log1p(-at) - norm)
    left, right = a / at, b / (1 - at)
    slope = left - right
    bend = slope * slope - left / at - right / (1 - at)
    return density.mean(0), (density * slope).mean(0), (density * bend).mean(0), np.abs(slope).max(0)


def _series(gap: Table, density: Table, first: Table, second: Table, steepest: Table) -> tuple[Table, Table]:
    """(M,) each -> (M,) the move to third order, Newton's where a part changes much on it; (M,) what it leaves out."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # flat between two modes: no move is inside
        newton = -gap / density
        square = -first / (2 * density) * newton
        cube = (first**2 / (2 * density**2) - second / (6 * density)) * newton**2
        change = np.abs(newton) * steepest
        falls = change < 1 / 2
        return newton * np.where(falls, 1 + square + cube, 1.0), np.abs(newton) * np.where(falls, change**3, 1.0)


def _inside(at: Table, move: Table, low: Table, high: Table, step: Table) -> tuple[Table, NDArray[np.bool_]]:
    """The next point, if it stays in the bracket and halves the last step; else the bracket's middle, and True."""
    new = at + move
    with np.errstate(invalid="ignore"):
        good = (new > low) & (new < high) & (np.abs(move) < step / 2)
    return np.where(good, new, (low + high) / 2), ~good


def _start(alpha: Table, beta: Table, share: float) -> Table:
    """(S, M) -> (M,) quantile of the one Beta distribution with the mean and variance of the mixture."""
    total = alpha + beta
    mean = (alpha / total).mean(0)
    square = (alpha * (alpha + 1) / (total * (total + 1))).mean(0)
    concentration = (mean - square) / (square - mean**2)
    guess: Table = betaincinv(mean * concentration, (1 - mean) * concentration, share)
    return np.clip(np.nan_to_num(guess, nan=0.5), TOLERANCE, 1 - TOLERANCE)
