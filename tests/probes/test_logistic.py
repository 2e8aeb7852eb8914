"""A fit on the path is the fit that a cold start gives, and one that has not settled is told."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from selfsup.probes.logistic import logistic_path


def problem():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 4))
    return x, (x[:, :3] + rng.normal(size=(90, 3))).argmax(axis=1)


def test_warm_start_reaches_the_same_optimum():
    x, y = problem()
    for c, model in logistic_path(x, y, [0.01, 0.1, 1.0], balanced=True, max_iter=500):
        cold = LogisticRegression(C=c, class_weight="balanced", tol=1e-8, max_iter=5000).fit(x, y)
        np.testing.assert_allclose(model.predict_proba(x), cold.predict_proba(x), atol=2e-3)


def test_balanced_weights_matter_only_when_asked_for():
    x, y = problem()
    keep = (y > 0) | (np.arange(len(y)) % 5 == 0)
    ((_, even),) = logistic_path(x[keep], y[keep], [1.0], balanced=True, max_iter=500)
    ((_, plain),) = logistic_path(x[keep], y[keep], [1.0], balanced=False, max_iter=500)
    assert (even.predict(x) == 0).sum() > (plain.predict(x) == 0).sum()


def test_an_unsettled_fit_is_logged(caplog):
    x, y = problem()
    list(logistic_path(x, y, [1.0], balanced=True, max_iter=2))
    assert "max_iter=2" in caplog.text
    caplog.clear()
    list(logistic_path(x, y, [1.0], balanced=True, max_iter=500))
    assert not caplog.text


@pytest.mark.parametrize(("rows", "classes"), [(400, 2), (400, 4), (12, 2), (12, 3)])
@pytest.mark.parametrize("c", [1e-3, 1.0])
def test_features_that_vary_unequally_and_together_reach_scikit_learn_s_optimum(rows, classes, c):
    rng = np.random.default_rng(rows + classes)
    mixed = rng.normal(size=(20, 20)) * np.geomspace(1, 1e-3, 20)
    x, y = 3 + rng.normal(size=(rows, 20)) @ mixed.T, np.arange(rows) % classes
    x[:, :classes] += np.eye(classes)[y]
    ((_, model),) = logistic_path(x, y + 5, [c], balanced=True, max_iter=500)
    exact = LogisticRegression(C=c, class_weight="balanced", tol=1e-10, max_iter=100_000).fit(x, y + 5)
    np.testing.assert_allclose(model.decision_function(x), exact.decision_function(x), atol=1e-3)
    assert np.array_equal(model.classes_, exact.classes_)
    assert model.coef_.shape == exact.coef_.shape
