"""What a person would find interesting, from a few ratings: a Gaussian process, and the galaxies to ask about next.

Walmsley et al. 2022 (MNRAS 513, 1581): a Gaussian process with the kernel RationalQuadratic + WhiteKernel (Rasmussen
and Williams 2006, "Gaussian Processes for Machine Learning", equations 2.25, 2.26 and 4.19) learns ratings on 40
principal components. Asked for next are the galaxies with the highest expected improvement (Jones et al. 1998,
J. Glob. Optim. 13, 455, equation 15) over the best rating y so far, with a trade-off xi between sure and unknown ones:

    EI = (mu - y - xi) Phi(z) + sigma phi(z),    z = (mu - y - xi) / sigma.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from scipy.special import erfcx, log_ndtr
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RationalQuadratic, WhiteKernel
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from selfsup.processors import processors
from selfsup.types import ConfigError

_TOGETHER = 2048
"""Galaxies predicted at a time on each processor: with 200 ratings, 3 MB of covariances."""
_FAR = -1e5
"""A z below which the bracket of the logarithm is its limit 1 / z^2 to all digits."""


@dataclass(frozen=True)
class Bounds:
    """Where the parameters of the kernel are sought, [lowest, highest], in a space whose axes have variance 1.

    Args:
        length_scale: how far a rating reaches.
        alpha: mixture of scales; the larger, the more it is a single one.
        noise: variance of a rating that is given again; rounding to whole numbers alone makes it 1/12.

    Raises:
        ConfigError: one that is not a pair of positive, ascending numbers.
    """

    length_scale: tuple[float, float]
    alpha: tuple[float, float]
    noise: tuple[float, float]

    def __post_init__(self) -> None:
        """Refuse what are no bounds."""
        for key in ("length_scale", "alpha", "noise"):
            pair = getattr(self, key)
            if len(pair) != 2 or not 0 < pair[0] < pair[1]:
                raise ConfigError(f"bounds.{key}={list(pair)}: write two ascending numbers above 0, e.g. [0.1, 10].")


def fit_interest(position: np.ndarray, rating: np.ndarray, bounds: Bounds) -> GaussianProcessRegressor:
    """(n, K) and their ratings (n,) -> the process whose parameters have the largest marginal likelihood.

    Ratings are not centred: far from all of them a galaxy is expected to be of no interest, 0, as most are. The
    parameters are sought here and not in `fit`, which warns where one lies at a bound. That is no failure: ratings
    without noise, or of one scale alone, are limits of the kernel, and bounds are what is held possible beforehand.
    """
    kernel = RationalQuadratic(
        _middle(bounds.length_scale), _middle(bounds.alpha), bounds.length_scale, bounds.alpha
    ) + WhiteKernel(_middle(bounds.noise), bounds.noise)
    x, y = position.astype(np.float64), rating.astype(np.float64)
    process = GaussianProcessRegressor(kernel, optimizer=None).fit(x, y)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = process.log_marginal_likelihood(theta, eval_gradient=True, clone_kernel=False)
        return -value, -gradient

    with threadpool_limits(1):  # on matrices so small, threads wait for each other longer than they work
        best = minimize(loss, kernel.theta, jac=True, bounds=kernel.bounds, method="L-BFGS-B").x
        return GaussianProcessRegressor(kernel.clone_with_theta(best), optimizer=None).fit(x, y)


def predict_interest(process: GaussianProcessRegressor, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, K) -> mean and standard deviation (N,) float32 of the rating that each would get.

    Rasmussen and Williams 2006, algorithm 2.1, as scikit-learn predicts, but some galaxies on each processor, and their
    distances by a product of matrices.
    """
    mean, std = np.empty((2, len(position)), dtype=np.float32)

    def fill(start: int) -> None:
        part = slice(start, start + _TOGETHER)
        covariance = _covariance(process, position[part].astype(np.float64))
        mean[part] = covariance @ process.alpha_
        told = np.square(solve_triangular(process.L_, covariance.T, lower=True, check_finite=False)).sum(axis=0)
        std[part] = np.sqrt(np.maximum(1 + process.kernel_.k2.noise_level - told, 0))

    with threadpool_limits(1), ThreadPoolExecutor(processors()) as threads:
        list(threads.map(fill, range(0, len(position), _TOGETHER)))
    return mean, std


def _covariance(process: GaussianProcessRegressor, position: np.ndarray) -> np.ndarray:
    """(N, K) -> (N, n) of the ratings there with the n that are known, without noise."""
    known, kernel = process.X_train_, process.kernel_.k1
    squared = np.square(position).sum(axis=1)[:, None] + np.square(known).sum(axis=1) - 2 * position @ known.T
    reach = 2 * kernel.alpha * kernel.length_scale**2
    return np.asarray(np.exp(-kernel.alpha * np.log1p(np.maximum(squared, 0) / reach)))


def log_expected_improvement(mean: np.ndarray, std: np.ndarray, best: float, tradeoff: float) -> np.ndarray:
    """Mean and standard deviation (N,) above 0, the best rating, xi -> (N,) natural logarithm of EI.

    EI itself is 0 in floating point for most galaxies once something was found, and would leave their order to chance.
    The logarithm is that of Ament et al. 2023 (arXiv:2310.20708), with erfcx for Phi / phi.
    """
    sigma = np.asarray(std, dtype=np.float64)
    z = (np.asarray(mean, dtype=np.float64) - best - tradeoff) / sigma
    low = np.clip(z, _FAR, 0.0)
    # phi(z) + z Phi(z) = phi(z) (1 + z Phi(z) / phi(z)), and Phi / phi = sqrt(pi / 2) erfcx(-z / sqrt 2)
    bracket = np.where(
        z < _FAR, np.square(1 / np.minimum(z, _FAR)), 1 + low * np.sqrt(np.pi / 2) * erfcx(-low / np.sqrt(2))
    )
    log_phi = -0.5 * np.square(z) - 0.5 * np.log(2 * np.pi)
    high = np.maximum(z, 0.0)
    above = np.log(np.exp(-0.5 * np.square(high)) / np.sqrt(2 * np.pi) + high * np.exp(log_ndtr(high)))
    found: np.ndarray = np.log(sigma) + np.where(z < 0, log_phi + np.log(bracket), above)
    return found


def highest(score: np.ndarray, free: np.ndarray, size: int) -> np.ndarray:
    """(N,) scores, (N,) bool -> rows of the `size` highest that are free, the highest first; of equals, the first."""
    rows = np.flatnonzero(free)
    chosen: np.ndarray = rows[np.argsort(-score[rows], kind="stable")[:size]]
    return chosen


def _middle(bounds: tuple[float, float]) -> float:
    return float(np.sqrt(bounds[0] * bounds[1]))
