"""Votes of a crowd against scipy, slow enumeration and draws."""

import itertools

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import betabinom, dirichlet_multinomial

from selfsup.posteriors.dirichlet_multinomial import (
    compositions,
    draw,
    log_pmf,
    log_rising,
    marginal,
    number_of_compositions,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_probability_of_votes_agrees_with_scipy(rng):
    votes, alpha = rng.integers(0, 30, (6, 3)), 1 + 100 * rng.random((6, 3))
    expected = [dirichlet_multinomial.logpmf(k, a, k.sum()) for k, a in zip(votes, alpha, strict=True)]
    np.testing.assert_allclose(log_pmf(votes, alpha), expected, rtol=1e-9)


def test_nobody_asked_is_certain_to_say_nothing(rng):
    assert (log_pmf(np.zeros((4, 3)), 1 + 100 * rng.random((5, 4, 3))) == 0).all()
    [only] = marginal(np.array([3.7]), np.array([80.0]), np.array([0]))
    assert only.tolist() == [1.0]


def test_one_answer_is_beta_binomial(rng):
    alpha, rest, totals = 1 + 100 * rng.random((2, 5)), 1 + 300 * rng.random((2, 5)), np.array([0, 1, 7, 40, 74])
    pmf = np.stack(list(marginal(alpha, rest, totals)), axis=-1)
    assert pmf.shape == (2, 5, 75)
    k = np.arange(75)
    for model, galaxy in np.ndindex(2, 5):
        expected = betabinom.pmf(k, totals[galaxy], alpha[model, galaxy], rest[model, galaxy])
        np.testing.assert_allclose(pmf[model, galaxy], expected, rtol=1e-8, atol=1e-15)
    np.testing.assert_allclose(pmf.sum(-1), 1.0, rtol=1e-10)


def test_one_answer_is_the_sum_over_the_others(rng):
    alpha, total = 1 + 10 * rng.random(4), 9
    slow = np.zeros(total + 1)
    for k in itertools.product(range(total + 1), repeat=4):
        if sum(k) == total:
            slow[k[1]] += np.exp(dirichlet_multinomial.logpmf(k, alpha, total))
    fast = np.array(list(marginal(alpha[[1]], (alpha.sum() - alpha[1])[None], np.array([total]))))[:, 0]
    np.testing.assert_allclose(fast, slow, rtol=1e-9)


def test_a_crowd_of_thousands_does_not_underflow():
    pmf = np.array(list(marginal(np.array([900.0]), np.array([1.0]), np.array([5000]))))[:, 0]
    assert pmf.sum() == pytest.approx(1.0, rel=1e-9)
    assert (pmf * np.arange(5001)).sum() == pytest.approx(5000 * 900 / 901, rel=1e-9)


@pytest.mark.parametrize(("total", "answers"), [(0, 3), (1, 2), (5, 1), (10, 3), (6, 6)])
def test_every_outcome_once(total, answers):
    found = compositions(total, answers)
    assert found.shape == (number_of_compositions(total, answers), answers)
    assert len({tuple(row) for row in found.tolist()}) == len(found)
    assert (found >= 0).all()
    assert (found.sum(1) == total).all()


def test_all_outcomes_together_are_certain(rng):
    alpha = 1 + 20 * rng.random(5)
    assert np.exp(log_pmf(compositions(8, 5), alpha)).sum() == pytest.approx(1.0, rel=1e-12)


def test_rising_factorials(rng):
    alpha = 1 + 100 * rng.random((3, 2))
    expected = gammaln(alpha[..., None] + np.arange(12)) - gammaln(alpha)[..., None]
    np.testing.assert_allclose(log_rising(alpha, 11), expected, atol=1e-10)


def test_draws_have_the_mean_and_the_spread_of_the_distribution(rng):
    alpha, total, draws = np.array([4.0, 2.0, 1.0]), 20, 40_000
    votes = draw(np.broadcast_to(alpha, (draws, 3)), total, rng)
    exact = dirichlet_multinomial(alpha, total)
    assert (votes.sum(1) == total).all()
    np.testing.assert_allclose(votes.mean(0), exact.mean(), atol=4 * np.sqrt(exact.var().max() / draws))
    np.testing.assert_allclose(votes.var(0), exact.var(), rtol=0.05)


def test_each_crowd_has_its_size(rng):
    assert draw(np.ones((7, 3, 2)), [0, 5, 40], rng).sum(-1).tolist() == [[0, 5, 40]] * 7
