"""Calibration of forecasts that are right, too sure, and wrong; of data whose law is known."""

import numpy as np
import pytest

from selfsup.posteriors.calibration import Curve, calibrate, covered, majority_curve, vote_curve
from selfsup.posteriors.posterior import Posterior
from selfsup.types import ConfigError, DataError
from selfsup.votes import Question, QuestionTree

TREE = QuestionTree(
    "small",
    (Question("shape", ("smooth", "disk", "star")), Question("bar", ("yes", "no"), ("shape_disk",))),
)
LEVELS = (0.5, 0.8, 0.95)
N = 4000


@pytest.fixture(scope="module")
def right():
    """A posterior of two networks, and votes drawn from it; a third of the galaxies were not asked for a bar."""
    rng = np.random.default_rng(0)
    found = Posterior(TREE, 1 + 30 * rng.random((2, N, 5)) ** 2)
    totals = np.stack([rng.integers(1, 40, N), rng.integers(0, 3, N) * rng.integers(1, 12, N)], axis=1)
    which = rng.integers(0, 2, N), np.arange(N)
    drawn = [found.draw(q, totals[:, i], rng)[which] for i, q in enumerate(("shape", "bar"))]
    return found, np.concatenate(drawn, axis=1)


def made(found, votes, levels=LEVELS):
    return calibrate(found, votes, levels, bins=10, crowds=10, seed=0)


def test_intervals_of_a_right_forecast_cover_exactly_their_level(right):
    metrics = made(*right).metrics
    for level in LEVELS:
        spread = np.sqrt(level * (1 - level) / N)
        assert metrics[f"coverage_{100 * level:g}"] == pytest.approx(level, abs=4 * spread)
        for question in ("shape", "bar"):
            assert metrics[f"{question}/coverage_{100 * level:g}"] == pytest.approx(level, abs=6 * spread)


def test_intervals_of_a_forecast_that_is_too_sure_cover_less_and_of_one_too_unsure_more(right):
    one, rng = right[0].only(models=slice(1)), np.random.default_rng(1)
    votes = np.concatenate([one.draw(q, np.full(N, 30), rng)[0] for q in ("shape", "bar")], axis=1)
    sure = made(Posterior(TREE, 20 * one.alphas), votes).metrics
    unsure = made(Posterior(TREE, 0.2 * one.alphas), votes).metrics
    for level in LEVELS:
        assert sure[f"coverage_{100 * level:g}"] < level - 0.1
        assert unsure[f"coverage_{100 * level:g}"] > level + 0.02


def test_the_likelihood_and_the_errors_prefer_the_right_forecast(right):
    found, votes = right
    best = made(found, votes).metrics
    turned = Posterior(TREE, found.alphas[:, ::-1])  # each galaxy gets another's
    for wrong in (Posterior(TREE, 20 * found.alphas), turned, found.only(models=slice(1))):
        assert made(wrong, votes).metrics["log_likelihood"] < best["log_likelihood"]
    other = made(turned, votes).metrics
    assert best["ece"] < 0.015
    assert other["ece"] > 0.05
    assert best["majority_ece"] < 0.03
    assert other["majority_ece"] > 0.1


def test_the_majority_is_forecast_as_often_as_it_comes(right):
    found, votes = right
    curve = majority_curve(found, "shape", votes, 10, 20, np.random.default_rng(0))
    assert curve.weight.sum() == N
    spread = np.sqrt(curve.predicted * (1 - curve.predicted) / curve.weight)
    assert (np.abs(curve.predicted - curve.observed) < 4 * spread + 0.01).all()
    assert np.ptp(curve.predicted) > 0.4


def test_a_question_that_nobody_was_asked_is_left_out(right):
    found, votes = right
    silent = votes * np.array([1, 1, 1, 0, 0])
    calibration = made(found, silent)
    assert set(calibration.votes) == set(calibration.majority) == {"shape"}
    assert not [name for name in calibration.metrics if name.startswith("bar/")]
    assert calibration.metrics["ece"] == calibration.metrics["shape/ece"]
    with pytest.raises(DataError, match="nobody voted"):
        made(found, 0 * votes)


def test_a_stretch_of_the_transform_is_covered_by_its_part_inside():
    cumulative = np.array([[0.0, 0.1], [0.2, 0.3], [0.4, 0.6], [0.7, 0.8], [0.0, 1.0], [0.5, 0.5], [1.0, 1.0]])
    np.testing.assert_allclose(covered(cumulative, 0.5), [0, 0.5, 1, 0.5, 0.5, 1, 0])
    with pytest.raises(ConfigError, match=r"level = 1\.5"):
        covered(cumulative, 1.5)


def test_covering_is_exact_for_every_single_crowd():
    found = Posterior(TREE, 1 + 30 * np.random.default_rng(1).random((3, 1, 5)))
    pmf = found.pmf("bar_yes", np.array([7])).mean(0)[0]
    votes = np.array([[0, 0, 0, k, 7 - k] for k in range(8)])
    cumulative = Posterior(TREE, np.repeat(found.alphas, 8, axis=1)).cumulative(votes)[:, 3]
    for level in LEVELS:
        assert (pmf * covered(cumulative, level)).sum() == pytest.approx(level, abs=1e-9)


def test_each_vote_is_a_case_of_the_curve():
    curve = vote_curve(np.array([[0.25, 0.75], [0.35, 0.65]]), np.array([[10, 30], [0, 0]]), bins=10)
    np.testing.assert_allclose(curve.predicted, [0.25, 0.75])
    np.testing.assert_allclose(curve.observed, [0.25, 0.75])
    assert curve.weight.tolist() == [40, 40]
    assert curve.error == 0
    assert Curve(np.array([0.2, 0.9]), np.array([0.3, 0.7]), np.array([3.0, 1.0])).error == pytest.approx(0.125)


def test_what_one_answer_has_too_much_is_not_made_up_for_by_another():
    found = Posterior(TREE, np.full((1, 1, 5), 1e6))
    calibration = made(found, np.array([[6, 3, 0, 5, 5]]))
    assert calibration.votes["shape"].error == pytest.approx(0.0, abs=1e-9)  # all answers in one bin
    assert calibration.metrics["shape/ece"] == pytest.approx((1 / 3 + 0 + 1 / 3) / 3)
    assert calibration.metrics["bar/ece"] == pytest.approx(0.0, abs=1e-9)


def test_a_certain_prediction_falls_into_the_last_bin():
    curve = vote_curve(np.array([[1.0, 0.0]]), np.array([[9, 1]]), bins=5)
    assert curve.predicted.tolist() == [0, 1]
    assert curve.observed.tolist() == [0.1, 0.9]


def test_a_tie_counts_in_part():
    found = Posterior(TREE, np.full((1, 1, 5), 1e7) * np.array([4, 4, 1e-6, 1, 1]))
    curve = majority_curve(found, "shape", np.array([[2, 2, 0, 0, 0]]), 10, 10, np.random.default_rng(0))
    assert curve.observed.tolist() == [0.5]


def test_shares_made_into_votes_are_rounded(right):
    found, votes = right
    noise = np.random.default_rng(2).uniform(-0.4, 0.4, votes.shape)
    assert made(found, np.maximum(votes + noise, 0)).metrics == made(found, votes).metrics


def test_refuses_votes_of_other_galaxies_and_malformed_ones(right):
    found, votes = right
    with pytest.raises(DataError, match=f"votes of 3 galaxies, but predictions of {N}"):
        made(found, votes[:3])
    with pytest.raises(DataError, match="is not a number of votes"):
        made(found, votes - 1)
