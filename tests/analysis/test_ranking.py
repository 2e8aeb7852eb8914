"""The order of all galaxies, and its scores against sums written out."""

import numpy as np
import pytest

from selfsup.analysis.ranking import order, top_scores


def test_known_ratings_settle_the_place():
    rating = np.array([np.nan, 5, 0, np.nan, 1, np.nan])
    predicted = np.array([4.9, 0, 5, -0.2, 5, 0.5])
    assert order(rating, predicted).tolist() == [1, 4, 0, 5, 2, 3]


def test_of_equals_the_first():
    assert order(np.full(4, np.nan), np.zeros(4)).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("n", [1, 5, 30])
def test_scores_are_their_sums(n):
    found = np.random.default_rng(n).random(30) < 0.4
    scores = top_scores(found, [n])
    assert scores[f"score_{n}"] == pytest.approx(sum((n - i) * found[i] for i in range(n)) / (n * (n + 1) / 2))
    assert scores[f"accuracy_{n}"] == pytest.approx(sum(found[:n]) / n)
    assert scores[f"recall_{n}"] == pytest.approx(sum(found[:n]) / sum(found))


def test_a_perfect_top_scores_1_and_early_finds_count_more():
    assert set(top_scores(np.ones(4, bool), [4]).values()) == {1.0}
    early, late = np.array([1, 0, 0], bool), np.array([0, 0, 1], bool)
    assert top_scores(early, [3])["score_3"] > top_scores(late, [3])["score_3"]
    assert np.isnan(top_scores(np.zeros(3, bool), [2])["recall_2"])
