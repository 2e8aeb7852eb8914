"""How well a linear map reads the classes off frozen embeddings: multinomial logistic regression.

Logistic regression on frozen features, its L2 penalty chosen on a validation part, is the protocol of CLIP (Radford et
al. 2021, arXiv:2103.00020, appendix A.3). Unlike a linear layer trained by SGD it is convex: no learning rate and no
seed, so two encoders differ only by their embeddings. Deviation: the features are standardised, so that one grid of C
suits encoders whose embeddings differ in scale.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.preprocessing import StandardScaler

from selfsup.catalogue import Catalogue
from selfsup.probes.base import CatalogueProbe, Scores
from selfsup.probes.confusion import accuracy, balanced_accuracy, confusion_counts, f1_macro
from selfsup.probes.logistic import logistic_path
from selfsup.probes.predictions import Predictions, chances
from selfsup.probes.roc import one_vs_rest_auc
from selfsup.probes.rows import Rows, read_classes
from selfsup.probes.split import inner_validation, require_positive, require_share


class Linear(CatalogueProbe):
    """Logistic regression on standardised embeddings.

    Metrics: `accuracy`, `balanced_accuracy`, `f1` (macro), `roc_auc` (one against the rest, mean over classes; of the
    second class if there are two) and the chosen `c`.

    Args:
        column: column of classes.
        cs: inverse strengths of the L2 penalty to try; a larger one follows train more closely.
        balanced: in the fit, give every class the same weight instead of every galaxy.
        validation_share: share of each class of train that is held out to choose C by balanced accuracy.
        max_iter: most L-BFGS steps of a fit.
    """

    def __init__(
        self, column: str, cs: Sequence[float], balanced: bool, validation_share: float, max_iter: int
    ) -> None:
        self.column = column
        self.cs = [float(c) for c in require_positive(cs, "probe.linear.cs")]
        self.balanced = balanced
        self.validation_share = require_share(validation_share, "probe.linear.validation_share")
        self.max_iter = int(require_positive([max_iter], "probe.linear.max_iter")[0])

    def __call__(self, train: Catalogue, test: Catalogue) -> Scores:
        """Score the linear separability of the classes.

        Raises:
            DataError: the column is missing or has a single class in train or test.
        """
        fit, score, classes = read_classes(train, test, self.column, "probe.linear.column")
        c = self._choose_c(fit, len(classes))
        table = self._chances(fit.features, fit.target, score.features, [c], len(classes))[0]
        confusion = confusion_counts(score.target, table.argmax(axis=1), len(classes))
        metrics = {
            "accuracy": accuracy(confusion),
            "balanced_accuracy": balanced_accuracy(confusion),
            "f1": f1_macro(confusion),
            "roc_auc": one_vs_rest_auc(score.target, table),
            "c": c,
        }
        predictions = Predictions(score.ids, chances(self.column, classes, table))
        return Scores(metrics, confusion=confusion, classes=classes, predictions=predictions)

    def _choose_c(self, fit: Rows, classes: int) -> float:
        if len(self.cs) == 1:
            return self.cs[0]
        held_out = inner_validation(fit.ids, fit.target, self.validation_share)
        features, target = fit.features, fit.target
        tried = self._chances(features[~held_out], target[~held_out], features[held_out], self.cs, classes)
        counts = [confusion_counts(target[held_out], table.argmax(axis=1), classes) for table in tried]
        # `argmax` takes the first of equals: the strongest penalty.
        return self.cs[int(np.argmax([balanced_accuracy(confusion) for confusion in counts]))]

    def _chances(
        self, known: np.ndarray, target: np.ndarray, asked: np.ndarray, cs: list[float], classes: int
    ) -> list[np.ndarray]:
        """For each C the (N, K) probabilities of the galaxies asked about; a class not in `target` gets none."""
        scaler = StandardScaler().fit(known.astype(np.float64))
        known, asked = (scaler.transform(part.astype(np.float64)) for part in (known, asked))
        tried = []
        for _, model in logistic_path(known, target, cs, self.balanced, self.max_iter):
            table = np.zeros((len(asked), classes))
            table[:, model.classes_] = model.predict_proba(asked)
            tried.append(table)
        return tried
