"""How well a linear map reads what volunteers answered off frozen embeddings: ridge regression to vote shares.

The targets are the shares of volunteers who gave each answer (Walmsley et al. 2022, arXiv:2102.08414
compare predicted with observed shares in the same way). `mae_constant` is the error of answering every galaxy
with the mean of train: an encoder that has learned something lies below it. Ridge, not a Dirichlet head, because it is
closed form: nothing but the embedding differs between two encoders.
"""

from collections.abc import Sequence

import numpy as np

from selfsup.catalogue import Catalogue
from selfsup.probes.base import CatalogueProbe, Scores
from selfsup.probes.predictions import Predictions
from selfsup.probes.ridge import Ridge, choose_alpha, r2
from selfsup.probes.rows import read_numbers
from selfsup.probes.split import require_positive, require_share
from selfsup.types import DataError


class Votes(CatalogueProbe):
    """Ridge regression from embeddings to all vote shares at once.

    Metrics: `mae` and `rmse` (over galaxies and answers), `mae_constant`, `r2` (mean over the answers that vary) and
    the chosen `alpha`. Curve: `mae` and `mae_constant` of each answer, which `classes` names.

    Args:
        suffix: columns whose names end so are the targets, each in [0, 1]; galaxies that lack one are left out.
        alphas: strengths of the L2 penalty to try, in units of a squared standardised feature summed over galaxies.
        validation_share: share of train that is held out to choose alpha.
    """

    def __init__(self, suffix: str, alphas: Sequence[float], validation_share: float) -> None:
        self.suffix = suffix
        self.alphas = [float(alpha) for alpha in require_positive(alphas, "probe.votes.alphas")]
        self.validation_share = require_share(validation_share, "probe.votes.validation_share")

    def __call__(self, train: Catalogue, test: Catalogue) -> Scores:
        """Score the predicted vote shares.

        Raises:
            DataError: there is no such column, test lacks one of train's, or no galaxies that differ have them all.
        """
        answers = [name for name in train.columns if name.endswith(self.suffix)]
        if not answers:
            raise DataError(
                f"The train catalogue has no column that ends in '{self.suffix}'. Columns there are: "
                f"{', '.join(train.columns) or 'none'}. Name another ending with probe.votes.suffix=..., or leave the "
                f"probe 'votes' out."
            )
        fit, score = read_numbers(train, test, answers, "probe.votes.suffix")
        alpha = choose_alpha(fit, self.alphas, self.validation_share)
        ridge = Ridge(fit.features, fit.target)
        predicted = ridge.predict(score.features, alpha).clip(0.0, 1.0)
        errors = np.abs(predicted - score.target).mean(axis=0)
        constant_errors = np.abs(ridge.mean - score.target).mean(axis=0)
        metrics = {
            "mae": float(errors.mean()),
            "mae_constant": float(constant_errors.mean()),
            "rmse": float(np.sqrt(np.square(predicted - score.target).mean())),
            "r2": r2(score.target, predicted),
            "alpha": alpha,
        }
        curve = {"mae": errors.tolist(), "mae_constant": constant_errors.tolist()}
        classes = tuple(name.removesuffix(self.suffix) for name in answers)
        said = Predictions(score.ids, {name: predicted[:, i] for i, name in enumerate(answers)})
        return Scores(metrics, classes=classes, curve=curve, predictions=said)
