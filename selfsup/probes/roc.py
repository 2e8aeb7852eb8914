"""Areas under ROC curves: of two classes, and of several from the chances that a classifier gives each of them."""

import numpy as np
from scipy.stats import rankdata


def area(true: np.ndarray, height: np.ndarray) -> float:
    """(N,) bool, some of both, and (N,) numbers -> the chance that a true one is higher than another; equals are half.

    That is the area under the ROC curve (Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747), from ranks.
    """
    positives = int(true.sum())
    above = float(rankdata(height)[true].sum()) - positives * (positives + 1) / 2
    return above / (positives * (len(true) - positives))


def one_vs_rest_auc(true: np.ndarray, chances: np.ndarray) -> float:
    """(N,) classes and (N, K) chances -> mean area of one class against the rest, over the classes that are there.

    With two classes both have the same area.
    """
    return float(np.mean([area(true == k, chances[:, k]) for k in np.unique(true)]))
