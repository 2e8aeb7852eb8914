"""Areas under ROC curves of several classes, from the chances that a classifier gives each of them."""

import numpy as np
from sklearn.metrics import roc_auc_score


def one_vs_rest_auc(true: np.ndarray, chances: np.ndarray) -> float:
    """(N,) classes and (N, K) chances -> mean area of one class against the rest, over the classes that are there.

    With two classes both have the same area.
    """
    return float(np.mean([roc_auc_score(true == k, chances[:, k]) for k in np.unique(true)]))
