"""Ridge to a number: closed forms of every metric."""

import numpy as np
import pytest

from selfsup.catalogue import Catalogue
from selfsup.probes.regression import Regression

YAML = {"column": "mass", "alphas": [1e-4, 1.0, 1e4], "validation_share": 0.2}


def catalogue(x, mass, prefix):
    return Catalogue.from_arrays([f"{prefix}{i:04d}" for i in range(len(x))], x, {"mass": mass}, {})


def sample(n, seed):
    x = np.random.default_rng(seed).normal(size=(n, 5))
    return x, 10 + x @ [1.0, 0.5, 0, 0, -0.2]


def test_a_linear_quantity_is_recovered():
    (x, mass), (test_x, test_mass) = sample(100, 1), sample(60, 2)
    scores = Regression(**YAML)(catalogue(x, mass, "a"), catalogue(test_x, test_mass, "b"))
    assert scores.metrics["r2"] == pytest.approx(1, abs=1e-6)
    assert scores.metrics["mae"] < 1e-3
    assert scores.metrics["mae_constant"] == pytest.approx(np.abs(test_mass - mass.mean()).mean())
    assert scores.curve["true"] == pytest.approx(test_mass.tolist())
    assert scores.curve["predicted"] == pytest.approx(test_mass.tolist(), abs=1e-3)


def test_bias_and_scatter_are_of_predicted_minus_true():
    (x, mass), (test_x, test_mass) = sample(400, 1), sample(4000, 2)
    noise = 0.3 * np.random.default_rng(0).normal(size=4000)
    scores = Regression(**YAML)(catalogue(x, mass, "a"), catalogue(test_x, test_mass + 2 - noise, "b")).metrics
    assert scores["bias"] == pytest.approx(-2, abs=0.02)
    assert scores["scatter"] == pytest.approx(0.3, rel=0.05)
    assert scores["scatter_mad"] == pytest.approx(0.3, rel=0.07)


def test_robust_scatter_ignores_outliers():
    (x, mass), (test_x, test_mass) = sample(100, 1), sample(60, 2)
    test_mass[:5] += 100
    scores = Regression(**YAML)(catalogue(x, mass, "a"), catalogue(test_x, test_mass, "b")).metrics
    assert scores["scatter"] > 10
    assert scores["scatter_mad"] < 0.01


def test_noise_explains_nothing():
    rng = np.random.default_rng(0)
    parts = [catalogue(rng.normal(size=(200, 5)), rng.normal(size=200), prefix) for prefix in "ab"]
    assert -0.2 < Regression(**YAML)(*parts).metrics["r2"] < 0.1


def test_a_galaxy_is_predicted_alone():
    train = catalogue(*sample(100, 1), "a")
    x, mass = sample(60, 2)
    before = Regression(**YAML)(train, catalogue(x, mass, "b")).curve["predicted"]
    x[30:] += 1e5
    after = Regression(**YAML)(train, catalogue(x, mass, "b")).curve["predicted"]
    assert after[:30] == pytest.approx(before[:30], rel=1e-12)
    assert after[30:] != before[30:]
