"""The closed form against scikit-learn's ridge, and the choice of the penalty."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge as Reference
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

from selfsup.probes.ridge import Ridge, choose_alpha, r2
from selfsup.probes.rows import Rows


@pytest.mark.parametrize("n", [40, 8])
@pytest.mark.parametrize("alpha", [1e-2, 1.0, 1e3])
def test_agrees_with_scikit_learn(n, alpha):
    rng = np.random.default_rng(0)
    x, y, asked = rng.normal(3, 5, size=(n, 12)), rng.normal(size=(n, 3)), rng.normal(size=(7, 12))
    scaler = StandardScaler().fit(x)
    expected = Reference(alpha=alpha).fit(scaler.transform(x), y).predict(scaler.transform(asked))
    np.testing.assert_allclose(Ridge(x, y).predict(asked, alpha), expected, rtol=1e-6, atol=1e-8)


def test_signal_gets_a_weak_penalty_and_noise_a_strong_one():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 20)).astype(np.float32)
    ids = [f"g{i:03d}" for i in range(200)]
    exact = Rows(ids, x, x[:, :2].astype(np.float64))
    noise = Rows(ids, x, rng.normal(size=(200, 2)))
    alphas = [1e-2, 1e2, 1e6]
    assert choose_alpha(exact, alphas, 0.2) == 1e-2
    assert choose_alpha(noise, alphas, 0.2) == 1e6


def test_r2_leaves_out_columns_that_do_not_vary():
    rng = np.random.default_rng(0)
    true, predicted = rng.normal(size=(30, 2)), rng.normal(size=(30, 2))
    padded = np.column_stack([true, np.ones(30)]), np.column_stack([predicted, np.zeros(30)])
    assert r2(*padded) == pytest.approx(r2_score(true, predicted))
