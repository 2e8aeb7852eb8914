"""Quantiles of mixtures: one component against scipy, several against their own distribution function."""

import numpy as np
import pytest
from scipy.stats import beta

from selfsup.posteriors.beta_mixture import TOLERANCE, quantile

SHARES = [0.001, 0.025, 0.1, 0.5, 0.75, 0.975, 0.999]


@pytest.mark.parametrize("share", SHARES)
def test_one_component_is_scipy_s_quantile(share):
    rng = np.random.default_rng(0)
    a, b = 1 + 100 * rng.random((1, 50)), 1 + 600 * rng.random((1, 50))
    np.testing.assert_allclose(quantile(a, b, share), beta.ppf(share, a, b)[0], atol=10 * TOLERANCE)


@pytest.mark.parametrize("share", SHARES)
def test_that_share_of_a_mixture_lies_below(share):
    rng = np.random.default_rng(1)
    a, b = 1 + 100 * rng.random((15, 2000)) ** 3, 1 + 100 * rng.random((15, 2000)) ** 3
    x = quantile(a, b, share)
    assert ((x > 0) & (x < 1)).all()
    # Where nothing lies, a little more of x is no more of the mixture: compare what lies below.
    np.testing.assert_allclose(beta.cdf(x, a, b).mean(0), share, atol=2e-6)


def test_two_models_that_exclude_each_other():
    a, b = np.array([[101.0], [1.0]]), np.array([[1.0], [101.0]])
    assert quantile(a, b, 0.25)[0] == pytest.approx(beta.ppf(0.5, 1, 101), abs=1e-5)
    assert quantile(a, b, 0.75)[0] == pytest.approx(beta.ppf(0.5, 101, 1), abs=1e-5)
    assert 0.1 < quantile(a, b, 0.5)[0] < 0.9  # anywhere between them


def test_unbounded_densities_too():
    a, b = np.array([[0.3, 0.5, 1.0]]), np.array([[0.4, 5.0, 1.0]])
    for share in (0.05, 0.5, 0.95):
        np.testing.assert_allclose(quantile(a, b, share), beta.ppf(share, a, b)[0], atol=1e-5)


def test_nothing_asked_nothing_said():
    assert quantile(np.ones((3, 0)), np.ones((3, 0)), 0.5).shape == (0,)
