"""A hunt asks for what its hunter asks for, never twice, and is scored after each batch."""

import numpy as np
import pytest

from selfsup.analysis.hunters import GaussianProcess, Opinion
from selfsup.analysis.interest import Bounds
from selfsup.analysis.simulated_hunt import Plan, simulate
from selfsup.analysis.truth import Truth
from selfsup.types import ConfigError


@pytest.fixture
def truth():
    rating = np.zeros(100)
    rating[80:] = 5
    return Truth(rating, rating > 3)


def test_each_galaxy_is_asked_once_and_the_scores_follow(truth):
    seen = []

    def hunter(known, rating):
        seen.append(known.copy())
        np.testing.assert_array_equal(rating, truth.rating[known])
        return Opinion(np.arange(100.0), -np.arange(100.0))  # asks for the last, ranks the first first

    curves = simulate(hunter, truth, Plan(25, 10, [5, 40]), seed=3)
    assert curves["labels"] == [10, 20, 25]
    assert [len(set(known)) for known in seen] == [10, 20, 25]
    first = set(seen[0].tolist())
    assert seen[1][10:].tolist() == [row for row in range(99, -1, -1) if row not in first][:10]
    found = [int((known >= 80).sum()) for known in seen]
    assert curves["found"] == found
    assert curves["accuracy_5"] == [min(1.0, count / 5) for count in found]
    assert curves["recall_40"][-1] == pytest.approx(found[-1] / 20)


def test_the_first_batch_is_that_of_the_seed_alone(truth):
    starts = []

    def hunter(known, rating):
        starts.append(known[:10].tolist())
        return Opinion(np.zeros(100), np.zeros(100))

    for seed in (1, 1, 2):
        simulate(hunter, truth, Plan(10, 10, [5]), seed)
    assert starts[0] == starts[1] != starts[2]


def test_the_process_finds_a_rare_knot_that_chance_does_not():
    rng = np.random.default_rng(0)
    position = rng.normal(size=(600, 6)).astype(np.float32)
    position[:20] = 2 + 0.2 * rng.normal(size=(20, 6))
    rating = np.where(np.arange(600) < 20, 5.0, 0.0)
    bounds, plan = Bounds((1, 100), (0.1, 100), (0.1, 10)), Plan(60, 10, [20])
    truth = Truth(rating, rating > 3)
    gp, chance = (
        [simulate(GaussianProcess(bounds, 0.5, how)(position, s), truth, plan, s)["found"][-1] for s in range(3)]
        for how in (False, True)
    )
    assert np.mean(gp) > 15
    assert np.mean(chance) < 8


@pytest.mark.parametrize("wrong", [(20, 0, [5]), (20, 30, [5]), (20, 10, []), (20, 10, [0])])
def test_a_plan_that_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError, match="write"):
        Plan(*wrong)


@pytest.mark.parametrize(("plan", "key"), [(Plan(20, 10, [5]), "labels"), (Plan(10, 10, [5, 15]), "tops")])
def test_more_than_there_are_is_refused(plan, key):
    with pytest.raises(ConfigError, match=key):
        plan.validate_for(12)
