"""How a score grows with the number of labels: a linear classifier of frozen features, from n galaxies of each class.

For every n there are several draws, since with few labels the luck of the draw is larger than the difference between
two encoders; draws are the same for every encoder and nested (`draws`), so that encoders can be compared draw by draw.
"""

import logging
from collections.abc import Sequence

import numpy as np
from sklearn.preprocessing import StandardScaler

from selfsup.catalogue import Catalogue
from selfsup.probes.base import CatalogueProbe, Scores
from selfsup.probes.confusion import balanced_accuracy, confusion_counts
from selfsup.probes.draws import affordable, balanced_draw
from selfsup.probes.logistic import logistic_path
from selfsup.probes.roc import one_vs_rest_auc
from selfsup.probes.rows import read_classes
from selfsup.probes.split import require_positive
from selfsup.types import ConfigError, DataError

FEWEST_DRAWS = 5
"""With fewer the scatter over draws is itself too uncertain."""
_log = logging.getLogger(__name__)


class LabelEfficiency(CatalogueProbe):
    """Logistic regression on standardised embeddings from n galaxies of each class, scored on all of test.

    Metrics: `auc_n8_mean`, `auc_n8_std` and so on for each n, `balanced_accuracy` alike. An n above the size of the
    smallest class is left out and logged. Curve: for each fit `labels` (of each class), `draw`, `auc`,
    `balanced_accuracy`.

    Args:
        column: column of classes.
        n_per_class: sample sizes, in galaxies of each class.
        draws: samples of each size, at least 5.
        c: inverse strength of the L2 penalty. Fixed, because a choice by so few labels would be noise.
        max_iter: most L-BFGS steps of a fit.
    """

    def __init__(self, column: str, n_per_class: Sequence[int], draws: int, c: float, max_iter: int) -> None:
        if draws < FEWEST_DRAWS:
            raise ConfigError(f"probe.label_efficiency.draws={draws} is too few to know the scatter: write 5 or more.")
        self.column = column
        self.n_per_class = [int(n) for n in require_positive(n_per_class, "probe.label_efficiency.n_per_class")]
        self.draws = draws
        self.c = float(require_positive([c], "probe.label_efficiency.c")[0])
        self.max_iter = int(require_positive([max_iter], "probe.label_efficiency.max_iter")[0])

    def __call__(self, train: Catalogue, test: Catalogue) -> Scores:
        """Score what few labels are enough for.

        Raises:
            DataError: the column is missing, has a single class, or a class has fewer galaxies than every n.
        """
        fit, score, classes = read_classes(train, test, self.column, "probe.label_efficiency.column")
        counts = affordable(fit.target, self.n_per_class)
        if counts != self.n_per_class:
            _log.warning("probe.label_efficiency: n_per_class=%s, of which classes have %s", self.n_per_class, counts)
        if not counts:
            raise DataError(
                f"The smallest class of '{self.column}' has fewer galaxies than each of "
                f"probe.label_efficiency.n_per_class={self.n_per_class}; add a smaller one."
            )
        # The mean and width of the features need no label, so even the smallest sample is scaled by all of train.
        scaler = StandardScaler().fit(fit.features.astype(np.float64))
        x, asked = (scaler.transform(rows.features.astype(np.float64)) for rows in (fit, score))
        largest = [balanced_draw(fit.ids, fit.target, counts[-1], draw) for draw in range(self.draws)]
        curve: dict[str, list[float]] = {"labels": [], "draw": [], "auc": [], "balanced_accuracy": []}
        for n in counts:
            for draw, rows in enumerate(largest):
                sample = rows.reshape(-1, counts[-1])[:, :n].ravel()
                ((_, model),) = logistic_path(x[sample], fit.target[sample], [self.c], True, self.max_iter)
                chances = np.zeros((len(asked), len(classes)))
                chances[:, model.classes_] = model.predict_proba(asked)
                found = {"labels": float(n), "draw": float(draw), **scores_of(score.target, chances)}
                for name, value in found.items():
                    curve[name].append(value)
        return Scores(_metrics(curve), classes=classes, curve=curve)


def scores_of(true: np.ndarray, chances: np.ndarray) -> dict[str, float]:
    """(N,) classes and (N, K) chances -> mean one-against-the-rest area, and balanced accuracy."""
    confusion = confusion_counts(true, chances.argmax(axis=1), chances.shape[1])
    return {"auc": one_vs_rest_auc(true, chances), "balanced_accuracy": balanced_accuracy(confusion)}


def _metrics(curve: dict[str, list[float]]) -> dict[str, float]:
    labels = np.array(curve["labels"])
    metrics = {}
    for n in np.unique(labels):
        for name in ("auc", "balanced_accuracy"):
            values = np.array(curve[name])[labels == n]
            metrics[f"{name}_n{n:.0f}_mean"] = float(values.mean())
            metrics[f"{name}_n{n:.0f}_std"] = float(values.std(ddof=1))
    return metrics
