"""How well a chance finds what is looked for: at a threshold, over all thresholds, and when one answer must be chosen.

True positive rate, precision and accuracy at several thresholds are the tables of Domínguez Sánchez et al. 2018
(arXiv:1711.05744). Accuracy, precision, recall and F1 of the most popular answer, each answer weighted by the number of
its galaxies, are those of Galaxy Zoo DECaLS (Walmsley et al. 2022, arXiv:2102.08414, table 1); there weighted recall is
accuracy. The plain mean over answers stands beside it: it alone notices that a rare answer is never found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score, roc_curve

_GRID = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Roc:
    """A receiver operating characteristic.

    Args:
        fpr: (b,) false positive rates, ascending.
        tpr: (b,) true positive rates.
        auc: the area below.
    """

    fpr: np.ndarray
    tpr: np.ndarray
    auc: float


def detection(true: np.ndarray, chance: np.ndarray, threshold: float) -> dict[str, float]:
    """(N,) bool, (N,) chances -> what comes of calling positive all that lie above the threshold.

    `galaxies`, `positives` (that are), `tpr` (recall), `precision`, `accuracy`; NaN where it divides by none.
    """
    called = chance > threshold
    right = float((called & true).sum())
    return {
        "galaxies": len(true),
        "positives": int(true.sum()),
        "tpr": _part(right, true.sum()),
        "precision": _part(right, called.sum()),
        "accuracy": _part(float((called == true).sum()), len(true)),
    }


def roc(true: np.ndarray, chance: np.ndarray) -> Roc | None:
    """(N,) bool, (N,) chances -> the curve; None where all are positive, or none is: there it is undefined."""
    if true.all() or not true.any():
        return None
    fpr, tpr, _ = roc_curve(true, chance)
    return Roc(fpr, tpr, float(roc_auc_score(true, chance)))


def mean_roc(curves: Sequence[Roc]) -> Roc:
    """Curves -> their mean true positive rate at each false positive rate, and their mean area."""
    if len(curves) == 1:
        return curves[0]
    tpr = np.mean([np.interp(_GRID, curve.fpr, curve.tpr) for curve in curves], axis=0)
    return Roc(_GRID, np.r_[0.0, tpr[1:]], float(np.mean([curve.auc for curve in curves])))


def choice(true: np.ndarray, said: np.ndarray) -> dict[str, float]:
    """(N,) and (N,) answers -> `galaxies`, `accuracy`, `precision`, `recall`, `f1`, and the latter three as `*_plain`.

    Means over the answers that are true of some galaxy, weighted by how many, or plain. An answer that is never given
    has precision 0. Without galaxies all are NaN.
    """
    found: dict[str, float] = {"galaxies": len(true), "accuracy": _part(float((true == said).sum()), len(true))}
    for suffix, average in (("", "weighted"), ("_plain", "macro")):
        values: Sequence[float] = (np.nan, np.nan, np.nan)
        if len(true):
            values = precision_recall_fscore_support(
                true, said, labels=np.unique(true), average=average, zero_division=0.0
            )[:3]
        found |= {name + suffix: float(v) for name, v in zip(("precision", "recall", "f1"), values, strict=True)}
    return found


def _part(some: float, of: float) -> float:
    return float(some / of) if of else np.nan
