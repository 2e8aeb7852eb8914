"""Mutual information of votes and model: closed forms, bounds, a slow second way, and exact against drawn."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import dirichlet_multinomial

from selfsup.posteriors.information import drawn, enumerated, mutual_information
from selfsup.types import ConfigError

OPPOSED = np.array([[[101.0, 1.0]], [[1.0, 101.0]]])


def concentrations(models=5, galaxies=6, answers=3, seed=0):
    return 1 + 100 * np.random.default_rng(seed).random((models, galaxies, answers)) ** 3


def slow(alpha, total):
    """(S, a) -> the definition, outcome by outcome."""
    outcomes = [k for k in itertools.product(range(total + 1), repeat=alpha.shape[1]) if sum(k) == total]
    p = np.exp([[dirichlet_multinomial.logpmf(k, a, total) for k in outcomes] for a in alpha])
    entropy = lambda p: -(p * np.log(p)).sum(-1)  # noqa: E731
    return entropy(p.mean(0)) - entropy(p).mean(), entropy(p.mean(0))


def test_two_models_that_exclude_each_other_differ_by_one_bit():
    assert enumerated(OPPOSED, 10).value[0] == pytest.approx(0.693, abs=5e-4)
    assert enumerated(OPPOSED, 10).value[0] <= math.log(2)


def test_agrees_with_the_definition():
    alpha = concentrations()
    value, error, entropy = enumerated(alpha, 6)
    expected = np.array([slow(alpha[:, g], 6) for g in range(6)])
    np.testing.assert_allclose(value, expected[:, 0], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(entropy, expected[:, 1], rtol=1e-7)
    assert not error.any()


def test_the_doubt_that_is_drawn_is_the_doubt_that_is_enumerated():
    alpha = concentrations(galaxies=30)
    exact, guess = enumerated(alpha, 6).entropy, drawn(alpha, 6, draws=400, seed=0).entropy
    np.testing.assert_allclose(guess, exact, atol=0.1)
    assert np.abs(guess - exact).mean() < 0.02


@pytest.mark.parametrize(("answers", "total"), [(2, 1), (2, 40), (3, 10), (6, 5)])
def test_lies_between_nothing_and_the_number_of_models(answers, total):
    alpha = concentrations(galaxies=40, answers=answers)
    value = enumerated(alpha, total).value
    assert (value >= 0).all()
    assert (value <= math.log(len(alpha))).all()
    assert value.max() > 0.01
    assert (enumerated(alpha, total + 1).value >= value - 1e-12).all()  # another vote cannot tell less


def test_models_that_agree_have_nothing_to_learn():
    alpha = np.repeat(concentrations(models=1), 7, axis=0)
    np.testing.assert_allclose(enumerated(alpha, 10).value, 0.0, atol=1e-12)
    np.testing.assert_allclose(drawn(alpha, 10, draws=5, seed=0).value, 0.0, atol=1e-12)
    np.testing.assert_allclose(enumerated(concentrations(models=1), 10).value, 0.0, atol=1e-12)


def test_nobody_asked_tells_nothing():
    value, error, entropy = mutual_information(OPPOSED, 0, exact_up_to=10, draws=2, seed=0)
    assert value.tolist() == error.tolist() == entropy.tolist() == [0.0]
    np.testing.assert_allclose(drawn(OPPOSED, 0, draws=2, seed=0).value, 0.0, atol=1e-12)


@pytest.mark.parametrize(("answers", "total"), [(2, 10), (4, 6), (7, 3)])
def test_drawn_is_exact_within_its_standard_error(answers, total):
    alpha = concentrations(galaxies=60, answers=answers)
    exact = enumerated(alpha, total).value
    value, error, _ = drawn(alpha, total, draws=200, seed=0)
    deviation = (value - exact) / error
    assert (error > 0).all()
    assert np.abs(deviation).max() < 4
    assert 0.75 < deviation.std() < 1.25  # the error is as large as stated, not merely an upper limit


def test_is_enumerated_up_to_the_limit_and_drawn_above():
    alpha = concentrations(answers=3)
    exact = mutual_information(alpha, 10, exact_up_to=66, draws=20, seed=0)  # C(12, 2) = 66
    assert (exact.standard_error == 0).all()
    assert np.array_equal(exact.value, enumerated(alpha, 10).value)
    above = mutual_information(alpha, 10, exact_up_to=65, draws=20, seed=0)
    assert (above.standard_error > 0).all()
    again = mutual_information(alpha, 10, exact_up_to=65, draws=20, seed=0)
    assert np.array_equal(above.value, again.value)
    assert not np.array_equal(above.value, mutual_information(alpha, 10, 65, 20, seed=1).value)


def test_galaxies_do_not_know_of_each_other(monkeypatch):
    alpha = concentrations(galaxies=9)
    whole = enumerated(alpha, 8).value
    monkeypatch.setattr("selfsup.posteriors.information.BUDGET", 1)  # one at a time
    np.testing.assert_allclose(enumerated(alpha, 8).value, whole, rtol=1e-12)
    assert drawn(alpha, 8, draws=3, seed=0).value.shape == (9,)


def test_no_galaxies():
    empty = np.ones((3, 0, 2))
    assert enumerated(empty, 5).value.shape == drawn(empty, 5, draws=2, seed=0).value.shape == (0,)


def test_one_draw_has_no_standard_error():
    with pytest.raises(ConfigError, match="draws = 1: a standard error needs at least 2"):
        drawn(OPPOSED, 10, draws=1, seed=0)


def test_large_crowds_and_concentrations_neither_overflow_nor_vanish():
    alpha = 1000 * concentrations(models=3, galaxies=2, answers=3)
    value, _, entropy = enumerated(alpha, 40)
    expected = np.array([slow(alpha[:, g], 40) for g in range(2)])
    np.testing.assert_allclose(value, expected[:, 0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(entropy, expected[:, 1], rtol=1e-7)
