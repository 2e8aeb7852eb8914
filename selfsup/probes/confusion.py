"""The counts from which the scores of a classification follow: rows true, columns predicted.

Balanced accuracy is the mean recall over the classes that test has (Brodersen et al. 2010, here for K classes), the
fair one when most galaxies are smooth.
"""

import numpy as np


def confusion_counts(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(N,) and (N,) class indices -> (K, K) int64 counts, rows true, columns predicted."""
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def accuracy(confusion: np.ndarray) -> float:
    """(K, K) counts -> share of galaxies on the diagonal."""
    return float(np.trace(confusion) / confusion.sum())


def balanced_accuracy(confusion: np.ndarray) -> float:
    """(K, K) counts -> mean recall over the classes that have at least one galaxy."""
    support = confusion.sum(axis=1)
    present = support > 0
    return float((np.diag(confusion)[present] / support[present]).mean())


def f1_macro(confusion: np.ndarray) -> float:
    """(K, K) counts -> mean F1 over the classes that were seen or predicted; a class never hit scores 0."""
    mass = confusion.sum(axis=0) + confusion.sum(axis=1)
    return float((2 * np.diag(confusion)[mass > 0] / mass[mass > 0]).mean())
