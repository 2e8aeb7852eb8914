"""Multinomial logistic regression along a path of penalties, each fit started from the one before it.

Minimises C * sum_i w_i * CE(softmax(W x_i + b), y_i) + |W|^2 / 2, of two classes the logistic loss of a single w, as
scikit-learn does, by L-BFGS (Liu & Nocedal 1989), but in coordinates in which all directions curve about alike. The
mean loss curves as H = h cov(x) + 1 / (C sum_i w_i), with h = (1 - 1/K) / K; so W = R U with R R' = H^-1 (Nocedal &
Wright 2006, "Numerical Optimization", section 5.1). Embeddings vary a thousand times more along some directions than
along others: where hundreds of steps were needed, ten are.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import expit, logsumexp
from sklearn.linear_model import LogisticRegression
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

_processors = ThreadpoolController()
_log = logging.getLogger(__name__)
_SETTLED = 1e-6
"""Largest slope of the mean loss that is left; in these coordinates the loss is then within about its square."""
_WORTH_A_THREAD = 1_000_000
"""Numbers below which threads wait for each other longer than they work."""


def logistic_path(
    features: np.ndarray, target: np.ndarray, cs: Sequence[float], balanced: bool, max_iter: int
) -> Iterator[tuple[float, LogisticRegression]]:
    """(N, D) features and (N,) classes -> each C with its fit.

    A fit that has not settled after `max_iter` steps is usable and is logged. One that ends before, because its loss no
    longer falls within float64, counts as settled.
    """
    problem = _Problem(features, target, balanced)
    layer = np.zeros((features.shape[1] + 1, problem.outputs))
    small = features.size < _WORTH_A_THREAD
    for c in cs:
        with _processors.limit(limits=1, user_api="blas") if small else nullcontext():
            layer, steps = problem.solve(c, layer, max_iter)
        if steps >= max_iter:
            _log.warning("Logistic regression with C=%g stopped after max_iter=%d steps: raise it.", c, max_iter)
        yield c, problem.model(c, layer, steps)


class _Problem:
    """What does not depend on C. A layer is (D + 1, outputs), the last row being the height at the mean galaxy."""

    def __init__(self, features: np.ndarray, target: np.ndarray, balanced: bool) -> None:
        self.features = features
        self.classes, code, counts = np.unique(target, return_inverse=True, return_counts=True)
        each = len(code) / (len(counts) * counts) if balanced else np.ones(len(counts))
        self.weight, self.total = each[code], float(each @ counts)
        self.mean = self.weight @ features / self.total
        self.outputs = len(counts) if len(counts) > 2 else 1
        self.known = np.eye(len(counts))[code] if self.outputs > 1 else code[:, None].astype(np.float64)
        self.bend = (1 - 1 / len(counts)) / len(counts)
        self.spread = self._spread()

    def solve(self, c: float, begin: np.ndarray, max_iter: int) -> tuple[np.ndarray, int]:
        """The layer from which it begins -> that of the optimum, and how many steps it took."""
        penalty, apart = 1 / (c * self.total), 1 / np.sqrt(self.bend)
        turn = self._turn(penalty)

        def layer(flat: np.ndarray) -> np.ndarray:
            moved = flat.reshape(begin.shape)
            return np.asarray(begin + np.vstack([np.dot(turn, moved[:-1]), apart * moved[-1:]]))

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            now = layer(flat)
            value, slope = self._loss(now)
            value += penalty * float(np.square(now[:-1]).sum()) / 2
            turned = np.dot(np.transpose(turn), slope[:-1] + penalty * now[:-1])
            return value, np.vstack([turned, apart * slope[-1:]]).ravel()

        limits = {"maxiter": max_iter, "gtol": _SETTLED, "ftol": 8 * np.finfo(float).eps, "maxls": 50}
        found = minimize(loss, np.zeros(begin.size), jac=True, method="L-BFGS-B", options=limits)
        return layer(found.x), int(found.nit)

    def model(self, c: float, layer: np.ndarray, steps: int) -> LogisticRegression:
        """The fit as scikit-learn says it."""
        found = LogisticRegression(C=c)
        found.classes_, found.n_features_in_, found.n_iter_ = self.classes, len(self.mean), np.array([steps])
        found.coef_ = layer[:-1].T.copy()
        found.intercept_ = layer[-1] - self.mean @ layer[:-1]
        return found

    def _loss(self, layer: np.ndarray) -> tuple[float, np.ndarray]:
        """The mean loss and its slope, without the penalty."""
        height = self.features @ layer[:-1] + (layer[-1] - self.mean @ layer[:-1])
        if self.outputs > 1:
            log_p = height - logsumexp(height, axis=1, keepdims=True)
            value, miss = -float(self.weight @ (self.known * log_p).sum(axis=1)), np.exp(log_p) - self.known
        else:
            value = float(self.weight @ (np.logaddexp(0, height) - self.known * height)[:, 0])
            miss = expit(height) - self.known
        miss *= self.weight[:, None] / self.total
        bias = miss.sum(axis=0)
        return value / self.total, np.vstack([self.features.T @ miss - np.outer(self.mean, bias), bias])

    def _spread(self) -> np.ndarray | float:
        """(D, D) covariance; of so few galaxies that it says nothing of most directions, what they vary on average."""
        rows, width = self.features.shape
        if rows < width:
            return float(np.square(self.features - self.mean).sum() / rows**2)
        average = self.features.mean(axis=0)
        return np.asarray(self.features.T @ self.features / rows - np.outer(average, average))

    def _turn(self, penalty: float) -> np.ndarray | float:
        """R, by which the loss curves alike in all directions: (D, D), or a number."""
        if isinstance(self.spread, float):
            return float((self.bend * self.spread + penalty) ** -0.5)
        width = len(self.mean)
        lower = cholesky(self.bend * self.spread + penalty * np.eye(width), lower=True)
        return np.asarray(solve_triangular(lower, np.eye(width), lower=True).T)
