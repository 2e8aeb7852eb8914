"""The process against its equations, expected improvement against an integral, and no chance anywhere."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from selfsup.analysis.interest import Bounds, fit_interest, highest, log_expected_improvement, predict_interest
from selfsup.types import ConfigError

BOUNDS = Bounds((1, 100), (0.1, 100), (0.1, 10))


@pytest.fixture
def rated():
    rng = np.random.default_rng(0)
    position = rng.normal(size=(40, 5)).astype(np.float32)
    return position, np.clip(np.round(2.5 + 2 * position[:, 0]), 0, 5)


def test_predictions_are_those_of_the_equations(rated):
    """Rasmussen and Williams, equations 2.25 and 2.26, with the kernel written out."""
    position, rating = rated
    process = fit_interest(position, rating, BOUNDS)
    quadratic, white = process.kernel_.k1, process.kernel_.k2

    def kernel(one, other):
        squared = ((one[:, None] - other[None]) ** 2).sum(axis=2)
        return (1 + squared / (2 * quadratic.alpha * quadratic.length_scale**2)) ** -quadratic.alpha

    new = np.random.default_rng(1).normal(size=(9, 5)).astype(np.float32)
    inverse = np.linalg.inv(kernel(position, position) + white.noise_level * np.eye(40))
    cross = kernel(new, position)
    mean, std = predict_interest(process, new)
    np.testing.assert_allclose(mean, cross @ inverse @ rating, rtol=1e-4)
    variance = 1 + white.noise_level - np.einsum("ni,ij,nj->n", cross, inverse, cross)
    np.testing.assert_allclose(std**2, variance, rtol=1e-4)


def test_the_parameters_are_the_most_likely_within_their_bounds(rated):
    process = fit_interest(*rated, BOUNDS)
    best = process.log_marginal_likelihood(process.kernel_.theta)
    rng = np.random.default_rng(2)
    low, high = process.kernel_.bounds.T
    for _ in range(100):
        near = np.clip(process.kernel_.theta + rng.normal(0, 0.3, 3), low, high)
        assert process.log_marginal_likelihood(near) <= best + 1e-3


@pytest.mark.parametrize("rating", [[0.0] * 4, [5.0] * 4, [0, 0, 0, 5], [3.0]])
def test_few_and_equal_ratings_are_no_failure(rating):
    """Warnings are errors here: that a parameter lies at its bound must not be one."""
    position = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    process = fit_interest(position[: len(rating)], np.array(rating), BOUNDS)
    mean, std = predict_interest(process, position)
    assert np.isfinite(mean).all()
    assert (std > 0).all()


def test_far_from_all_ratings_nothing_is_expected(rated):
    mean, std = predict_interest(fit_interest(*rated, BOUNDS), np.full((1, 5), 1e4, np.float32))
    assert abs(mean[0]) < 0.2
    assert std[0] > 1


@pytest.mark.parametrize("mean", [-2.0, 1.0, 4.0, 5.5, 9.0])
@pytest.mark.parametrize("std", [0.4, 1.0, 3.0])
def test_expected_improvement_is_its_integral(mean, std):
    def gain(value):
        return (value - 5.5) * norm.pdf(value, mean, std)

    integral = quad(gain, 5.5, max(mean, 5.5) + 12 * std, epsabs=0, epsrel=1e-10)[0]
    found = np.exp(log_expected_improvement(np.array([mean]), np.array([std]), 5.0, 0.5))
    z = (mean - 5.5) / std
    assert found[0] == pytest.approx(integral, rel=1e-6)
    assert found[0] == pytest.approx((mean - 5.5) * norm.cdf(z) + std * norm.pdf(z), rel=1e-5)


def test_where_improvement_is_0_in_floating_point_the_order_is_still_there():
    mean = np.linspace(-400, 4, 200)
    found = log_expected_improvement(mean, np.full(200, 0.001), 5.0, 0.5)
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()
    assert (np.exp(found) == 0).all()


def test_the_logarithm_has_no_step_where_its_form_changes():
    z = np.array([-1e5 * (1 + 1e-9), -1e5 * (1 - 1e-9), -1e-12, 1e-12])
    found = log_expected_improvement(5.5 + z, np.ones(4), 5.0, 0.5)
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert found[2] == pytest.approx(found[3], rel=1e-9)


def test_the_highest_that_are_free_and_of_equals_the_first():
    score = np.array([1.0, 9.0, 3.0, 3.0, 7.0])
    free = np.array([True, False, True, True, True])
    assert highest(score, free, 3).tolist() == [4, 2, 3]
    assert highest(score, free, 99).tolist() == [4, 2, 3, 0]


@pytest.mark.parametrize("pair", [(1, 1), (0, 1), (2, 1), (1, 2, 3)])
def test_bounds_are_two_ascending_numbers(pair):
    with pytest.raises(ConfigError, match=r"bounds\.noise"):
        Bounds((1, 2), (1, 2), pair)
