"""The scores from counts, against scikit-learn's from labels."""

import numpy as np
import pytest
from sklearn import metrics

from selfsup.probes.confusion import accuracy, balanced_accuracy, confusion_counts, f1_macro


def test_agrees_with_scikit_learn():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
    counts = confusion_counts(true, predicted, 4)
    assert np.array_equal(counts, metrics.confusion_matrix(true, predicted))
    assert accuracy(counts) == pytest.approx(metrics.accuracy_score(true, predicted))
    assert balanced_accuracy(counts) == pytest.approx(metrics.balanced_accuracy_score(true, predicted))
    assert f1_macro(counts) == pytest.approx(metrics.f1_score(true, predicted, average="macro"))


def test_a_class_that_test_lacks_has_no_recall():
    counts = confusion_counts(np.array([0, 0, 1]), np.array([0, 2, 1]), 3)
    assert balanced_accuracy(counts) == pytest.approx(0.75)
    assert f1_macro(counts) == pytest.approx((2 / 3 + 1 + 0) / 3)
