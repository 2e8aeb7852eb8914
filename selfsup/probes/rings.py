"""How few labels a rare shape needs: a two-class problem learned from n galaxies of each class, over many draws.

Rings are the example: Walmsley et al. 2022 (arXiv:2110.12735) fine-tune with ever fewer of them. Here the
encoder stays frozen, and the mean and the standard deviation over draws are reported, since with n = 8 the luck of the
draw is larger than the difference between two encoders (DINOv2's few-shot evaluation also averages over tries).
Draws (`draws`) are the same for every encoder, and the small samples lie within the large ones.
"""

import logging
from collections.abc import Sequence

import numpy as np
from scipy.special import expit
from sklearn.preprocessing import StandardScaler

from selfsup.catalogue import Catalogue
from selfsup.probes.base import CatalogueProbe, Scores
from selfsup.probes.confusion import balanced_accuracy, confusion_counts
from selfsup.probes.draws import affordable, balanced_draw
from selfsup.probes.logistic import logistic_path
from selfsup.probes.predictions import Predictions
from selfsup.probes.roc import area
from selfsup.probes.rows import Rows, read_classes
from selfsup.probes.split import require_positive
from selfsup.types import ConfigError, DataError

_log = logging.getLogger(__name__)
_FEWEST_DRAWS = 5  # with fewer, the standard deviation over draws is itself too uncertain to compare encoders by


class Rings(CatalogueProbe):
    """Few-shot logistic regression of one class against the rest, scored on all of test.

    Metrics: `auc_n8_mean`, `auc_n8_std`, and so on for each n, `balanced_accuracy` and `f1` (of the positive class)
    alike, and `auc_all`, `balanced_accuracy_all`, `f1_all` with all of train, its classes weighted equally. An n above
    the size of the smaller class is left out and logged. Curve: `n`, and the `mean` and `std` of the AUC.

    Args:
        column: column of classes.
        n_per_class: sample sizes, in galaxies of each of the two classes.
        draws: samples of each size, at least 5.
        c: inverse strength of the L2 penalty. Fixed, because a choice by so few labels would be noise.
        positive: the class that is looked for; None is the second of two in sorted order (1, if they are 0 and 1).
        max_iter: most L-BFGS steps of a fit.
    """

    def __init__(
        self,
        column: str,
        n_per_class: Sequence[int],
        draws: int,
        c: float,
        positive: str | int | None,
        max_iter: int,
    ) -> None:
        if draws < _FEWEST_DRAWS:
            raise ConfigError(f"probe.rings.draws={draws} is too few to know the scatter: write probe.rings.draws=10.")
        self.column = column
        self.n_per_class = [int(n) for n in require_positive(n_per_class, "probe.rings.n_per_class")]
        self.draws = draws
        self.c = float(require_positive([c], "probe.rings.c")[0])
        self.positive = positive
        self.max_iter = int(require_positive([max_iter], "probe.rings.max_iter")[0])

    def __call__(self, train: Catalogue, test: Catalogue) -> Scores:
        """Score what few labels are enough for.

        Raises:
            DataError: the column is missing or has a single class, or which of its classes to look for is unclear.
        """
        fit, score, classes = read_classes(train, test, self.column, "probe.rings.column")
        positive = self._positive_class(classes)
        known, true = self._is_positive(fit, score, classes, positive)
        # The mean and width of the features need no label, so even the smallest sample is scaled by all of train.
        scaler = StandardScaler().fit(fit.features.astype(np.float64))
        x, asked = (scaler.transform(rows.features.astype(np.float64)) for rows in (fit, score))
        height = self._heights(x, [np.arange(len(x))], known, asked)[0]
        metrics = {f"{name}_all": value for name, value in _scores(height, true).items()}
        sizes = self._affordable(known)
        # Asked about the others, so that the looked for come first: the order decides the last bits of a fit.
        largest = [balanced_draw(fit.ids, ~known, sizes[-1], draw) for draw in range(self.draws if sizes else 0)]
        for n in sizes:
            samples = [rows.reshape(2, -1)[:, :n].ravel() for rows in largest]
            tried = [_scores(each, true) for each in self._heights(x, samples, known, asked)]
            for name in tried[0]:
                values = [scores[name] for scores in tried]
                metrics[f"{name}_n{n}_mean"] = float(np.mean(values))
                metrics[f"{name}_n{n}_std"] = float(np.std(values, ddof=1))
        curve = {"n": [float(n) for n in sizes]}
        curve |= {part: [metrics[f"auc_n{n}_{part}"] for n in sizes] for part in ("mean", "std")}
        said = Predictions(score.ids, {f"{self.column}={classes[positive]}": expit(height)})
        return Scores(metrics, classes=classes, curve=curve if sizes else {}, predictions=said)

    def _is_positive(self, fit: Rows, score: Rows, classes: tuple[str, ...], k: int) -> tuple[np.ndarray, np.ndarray]:
        known, true = fit.target == k, score.target == k
        if not (known.any() and true.any()):
            raise DataError(
                f"The {'test' if known.any() else 'train'} catalogue has no galaxy of class '{classes[k]}' in column "
                f"'{self.column}'. Choose another with probe.rings.positive=..., or use more galaxies."
            )
        return known, true

    def _positive_class(self, classes: tuple[str, ...]) -> int:
        if self.positive is None and len(classes) == 2:
            return 1
        if str(self.positive) in classes:
            return classes.index(str(self.positive))
        raise DataError(
            f"probe.rings.positive={'null' if self.positive is None else self.positive} does not say which class of "
            f"column '{self.column}' to look for. Write probe.rings.positive=... with one of: {', '.join(classes)}."
        )

    def _affordable(self, known: np.ndarray) -> list[int]:
        sizes = affordable(known, self.n_per_class)
        left_out = [n for n in self.n_per_class if n not in sizes]
        if left_out:
            _log.warning(
                "probe.rings: the smaller class of '%s' has %d train galaxies; left out n_per_class=%s.",
                self.column,
                min(known.sum(), (~known).sum()),
                left_out,
            )
        return sizes

    def _heights(
        self, x: np.ndarray, samples: Sequence[np.ndarray], known: np.ndarray, asked: np.ndarray
    ) -> np.ndarray:
        """(F, N) log-odds of the galaxies asked about, after each of F samples of the rows."""
        fits = (logistic_path(x[rows], known[rows], [self.c], True, self.max_iter) for rows in samples)
        models = [model for path in fits for _, model in path]
        weight, bias = np.vstack([model.coef_ for model in models]), np.hstack([model.intercept_ for model in models])
        return np.asarray(weight @ asked.T + bias[:, None])


def _scores(height: np.ndarray, true: np.ndarray) -> dict[str, float]:
    confusion = confusion_counts(true.astype(np.int64), (height > 0).astype(np.int64), 2)
    return {
        "auc": area(true, height),
        "balanced_accuracy": balanced_accuracy(confusion),
        "f1": float(2 * confusion[1, 1] / (confusion[1].sum() + confusion[:, 1].sum())),
    }
