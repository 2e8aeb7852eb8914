"""How well a linear map reads a physical quantity off frozen embeddings: ridge regression to one column of numbers.

Stellar mass or redshift from frozen embeddings is how AstroCLIP (Parker et al. 2024, arXiv:2310.03024)
compares encoders. `scatter_mad`, 1.4826 times the median absolute deviation, equals the standard deviation if the
residuals are normal and ignores outliers (Hoaglin, Mosteller & Tukey 1983).
"""

from collections.abc import Sequence

import numpy as np

from selfsup.catalogue import Catalogue
from selfsup.probes.base import CatalogueProbe, Scores
from selfsup.probes.predictions import Predictions
from selfsup.probes.ridge import Ridge, choose_alpha, r2
from selfsup.probes.rows import read_numbers
from selfsup.probes.split import require_positive, require_share

# Standard deviations of a normal distribution per median absolute deviation: 1 / Phi^-1(3/4).
_SIGMAS_PER_MAD = 1.4826


class Regression(CatalogueProbe):
    """Ridge regression from embeddings to one number per galaxy.

    Metrics, in the column's unit where they have one: `r2`, `mae`, `mae_constant` (of answering with the mean of
    train), `bias` (mean of predicted - true), `scatter` (standard deviation of that difference), `scatter_mad` and the
    chosen `alpha`. Curve: `true` and `predicted` of each test galaxy, by id.

    Args:
        column: column of numbers.
        alphas: strengths of the L2 penalty to try, in units of a squared standardised feature summed over galaxies.
        validation_share: share of train that is held out to choose alpha.
    """

    def __init__(self, column: str, alphas: Sequence[float], validation_share: float) -> None:
        self.column = column
        self.alphas = [float(alpha) for alpha in require_positive(alphas, "probe.regression.alphas")]
        self.validation_share = require_share(validation_share, "probe.regression.validation_share")

    def __call__(self, train: Catalogue, test: Catalogue) -> Scores:
        """Score the predicted numbers.

        Raises:
            DataError: the column is missing, is text, or has no two different numbers.
        """
        fit, score = read_numbers(train, test, [self.column], "probe.regression.column")
        alpha = choose_alpha(fit, self.alphas, self.validation_share)
        ridge = Ridge(fit.features, fit.target)
        predicted = ridge.predict(score.features, alpha)
        residual = predicted - score.target
        metrics = {
            "r2": r2(score.target, predicted),
            "mae": float(np.abs(residual).mean()),
            "mae_constant": float(np.abs(ridge.mean - score.target).mean()),
            "bias": float(residual.mean()),
            "scatter": float(residual.std()),
            "scatter_mad": float(_SIGMAS_PER_MAD * np.median(np.abs(residual - np.median(residual)))),
            "alpha": alpha,
        }
        curve = {"true": score.target[:, 0].tolist(), "predicted": predicted[:, 0].tolist()}
        return Scores(metrics, curve=curve, predictions=Predictions(score.ids, {self.column: predicted[:, 0]}))
