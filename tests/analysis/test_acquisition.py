"""Who is asked about next: galaxies on which networks disagree, questions that are reached, no settled ones."""

import numpy as np
import pytest

from selfsup.analysis.acquisition import Acquisition, choose
from selfsup.posteriors.posterior import Posterior
from selfsup.types import ConfigError
from selfsup.votes import Question, QuestionTree

TREE = QuestionTree(
    "t", (Question("smooth", ("yes", "no")), Question("bar", ("strong", "weak", "none"), ("smooth_no",)))
)
SETTINGS = {"questions": None, "settled": {}, "volunteers": 8, "exact_up_to": 1000, "draws": 4, "seed": 0}


def acquisition(way="bald", **settings):
    return Acquisition(way=way, **{**SETTINGS, **settings})


# Two networks and five galaxies: agreed smooth; bar disputed; smooth disputed; all even; agreed bar
ALPHAS = [
    [[90, 10, 9, 9, 9], [2, 98, 90, 2, 2], [90, 10, 9, 9, 9], [1, 1, 1, 1, 1], [2, 98, 2, 2, 90]],
    [[90, 10, 9, 9, 9], [2, 98, 2, 2, 90], [10, 90, 9, 9, 9], [1, 1, 1, 1, 1], [2, 98, 2, 2, 90]],
]
FOUND = Posterior(TREE, np.array(ALPHAS, dtype=float))


def test_information_is_asked_where_networks_disagree_not_where_each_is_in_doubt():
    scores = acquisition().scores(FOUND)
    assert set(choose(scores, 2)) == {1, 2}
    np.testing.assert_allclose(scores[[0, 3, 4]], 0.0, atol=1e-9)
    assert choose(acquisition("entropy").scores(FOUND), 1)[0] == 3


def test_a_question_counts_as_often_as_it_is_reached():
    parts = acquisition().information(FOUND)
    assert list(parts) == ["smooth", "bar"]
    whole = FOUND.mutual_information("bar", 8, 1000, 4, 0).value
    np.testing.assert_allclose(parts["bar"], whole * FOUND.asked()[:, 1])
    np.testing.assert_allclose(acquisition().scores(FOUND), parts["smooth"] + parts["bar"])
    np.testing.assert_allclose(acquisition(questions=["bar"]).scores(FOUND), parts["bar"])


def test_the_settled_are_not_asked_about_however_few_are_left():
    settled = {"smooth_yes": 0.8}
    for way in ("bald", "entropy", "random"):
        assert set(choose(acquisition(way, settled=settled).scores(FOUND), 10)) == {1, 2, 3, 4}


def test_random_is_of_the_seed():
    one, same, other = (acquisition("random", seed=seed).scores(FOUND) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_largest_come_first_and_ties_in_their_order():
    assert choose(np.array([1.0, 3.0, -np.inf, 3.0, 2.0]), 3).tolist() == [1, 3, 4]
    assert choose(np.full(3, -np.inf), 2).tolist() == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"way": "bold"}, "bold is none of bald, entropy, random"),
        ({"settled": {"smooth_yse": 0.8}}, "'smooth_yse' is no answer of 't'"),
        ({"questions": ["bars"]}, "'bars' is not asked by 't'"),
    ],
)
def test_what_is_misspelt_is_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        acquisition(**settings).scores(FOUND)
