"""Ridge regression from embeddings to numbers, in closed form and for all penalties at once.

W(alpha) = (X'X + alpha I)^-1 X'Y (Hoerl & Kennard 1970, eq. 2.1) with X standardised and Y centred. With X'X = V L V'
decomposed once, every alpha costs one product: W = V (L + alpha)^-1 V' X'Y. The D x D matrix, not X, is decomposed, so
the cost does not grow with the number of galaxies.
"""

from collections.abc import Sequence

import numpy as np
from scipy.linalg import eigh
from sklearn.preprocessing import StandardScaler

from selfsup.probes.rows import Rows
from selfsup.probes.split import inner_validation


class Ridge:
    """The ridge solutions of one set of galaxies, for any penalty.

    Args:
        features: (N, D) embeddings.
        target: (N, A) numbers.
    """

    def __init__(self, features: np.ndarray, target: np.ndarray) -> None:
        self._scaler = StandardScaler().fit(features.astype(np.float64))
        x = self._scaler.transform(features.astype(np.float64))
        self.mean = target.mean(axis=0)
        spectrum, self._axes = eigh(x.T @ x)
        self._spectrum = np.maximum(spectrum, 0.0)[:, None]
        self._moment = self._axes.T @ (x.T @ (target - self.mean))

    def predict(self, features: np.ndarray, alpha: float) -> np.ndarray:
        """(N, D) embeddings -> (N, A) numbers."""
        weights = self._axes @ (self._moment / (self._spectrum + alpha))
        predicted: np.ndarray = self._scaler.transform(features.astype(np.float64)) @ weights + self.mean
        return predicted


def choose_alpha(fit: Rows, alphas: Sequence[float], share: float) -> float:
    """The penalty of least squared error on a held-out `share` of the train rows, summed over the A columns.

    Raises:
        DataError: there is a single train row.
    """
    if len(alphas) == 1:
        return alphas[0]
    held_out = inner_validation(fit.ids, np.zeros(len(fit.ids)), share)
    ridge = Ridge(fit.features[~held_out], fit.target[~held_out])
    errors = [np.square(ridge.predict(fit.features[held_out], alpha) - fit.target[held_out]).sum() for alpha in alphas]
    return alphas[int(np.argmin(errors))]


def r2(true: np.ndarray, predicted: np.ndarray) -> float:
    """(N, A) and (N, A) -> share of the variance explained, mean over the columns that vary."""
    variance = np.square(true - true.mean(axis=0)).sum(axis=0)
    residual = np.square(true - predicted).sum(axis=0)
    varies = variance > 0
    return float((1 - residual[varies] / variance[varies]).mean())
