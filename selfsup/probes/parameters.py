"""Which physical parameters a linear map reads off frozen embeddings: ridge regression to each of several columns.

A synthetic galaxy's truth is known, but not every galaxy has every parameter: an elliptical has no pitch angle. So each
column is fitted and scored on the galaxies that have it, its penalty chosen for it alone (`ridge`).
"""

import logging
from collections.abc import Sequence

import numpy as np

from selfsup.catalogue import Catalogue
from selfsup.probes.base import CatalogueProbe, Scores
from selfsup.probes.predictions import Predictions
from selfsup.probes.ridge import Ridge, choose_alpha, r2
from selfsup.probes.rows import read_numbers
from selfsup.probes.split import require_positive, require_share
from selfsup.types import ConfigError

_log = logging.getLogger(__name__)
_FEWEST = {"train": 20, "test": 5}
"""Known values of a column: with fewer, a score says nothing."""


class Parameters(CatalogueProbe):
    """Ridge regression from embeddings to several numbers, one at a time.

    Metrics: `r2_<column>` and `mae_<column>`, the latter in the column's unit. A column that too few galaxies have, or
    that is the same for all, is left out and logged.

    Args:
        columns: columns of numbers.
        alphas: strengths of the L2 penalty to try, in units of a squared standardised feature summed over galaxies.
        validation_share: share of train that is held out to choose alpha.
    """

    def __init__(self, columns: Sequence[str], alphas: Sequence[float], validation_share: float) -> None:
        if not columns:
            raise ConfigError("probe.parameters.columns=[] names no column: write probe.parameters.columns=[redshift].")
        self.columns = list(columns)
        self.alphas = [float(alpha) for alpha in require_positive(alphas, "probe.parameters.alphas")]
        self.validation_share = require_share(validation_share, "probe.parameters.validation_share")

    def __call__(self, train: Catalogue, test: Catalogue) -> Scores:
        """Score each parameter.

        Raises:
            DataError: a column is missing or is text.
        """
        metrics: dict[str, float] = {}
        said: dict[str, np.ndarray] = {}
        for column in self.columns:
            reason = _too_little(train, column, "train") or _too_little(test, column, "test")
            if reason:
                _log.info("probe.parameters: column '%s' is left out: %s", column, reason)
                continue
            fit, score = read_numbers(train, test, [column], "probe.parameters.columns")
            alpha = choose_alpha(fit, self.alphas, self.validation_share)
            ridge = Ridge(fit.features, fit.target)
            predicted = ridge.predict(score.features, alpha)
            said[column] = ridge.predict(test.embedding(), alpha)[:, 0]
            metrics[f"r2_{column}"] = r2(score.target, predicted)
            metrics[f"mae_{column}"] = float(np.abs(predicted - score.target).mean())
        return Scores(metrics, predictions=Predictions(test.ids, said))


def _too_little(part: Catalogue, column: str, which: str) -> str:
    """Why nothing can be said of this column; "" where something can, or where it is for `read_numbers` to refuse."""
    values = np.asarray(part.column(column)) if part.has(column) else np.array([], dtype=object)
    if values.dtype.kind not in "biuf":
        return ""
    known = values[np.isfinite(values)]
    if len(known) < _FEWEST[which]:
        return f"{len(known)} galaxies of {which} have it, fewer than {_FEWEST[which]}"
    return "" if np.ptp(known) > 0 else f"it is {known[0]:g} for all of {which}"
