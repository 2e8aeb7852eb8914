"""Galaxies land among their neighbours; a map that keeps neighbours scores 1, a shuffled one by chance."""

import numpy as np
import pytest

from selfsup.analysis.placement import Landmarks, map_quality


@pytest.fixture
def flat():
    """200 galaxies on a sheet that is turned in ten dimensions: (200, 10), and the sheet (200, 2)."""
    rng = np.random.default_rng(0)
    sheet = rng.uniform(-5, 5, (200, 2))
    return sheet @ np.linalg.qr(rng.normal(size=(10, 2)))[0].T, sheet


def slow_landing(points, places, new, count):
    distance = np.linalg.norm(points - new, axis=1)
    nearest = np.argsort(distance)[:count]
    weight = 1 / distance[nearest] ** 2
    return (weight[:, None] * places[nearest]).sum(axis=0) / weight.sum()


def test_the_others_land_at_the_weighted_mean_of_their_neighbours(flat):
    points, sheet = flat
    land = Landmarks(points[:150], sheet[:150], 5)
    slow = [slow_landing(points[:150], sheet[:150], new, 5) for new in points[150:]]
    np.testing.assert_allclose(land(points[150:]), slow, rtol=1e-6)
    assert np.linalg.norm(land(points[150:]) - sheet[150:], axis=1).max() < 1.5


def test_a_landmark_stays_where_it_is_and_few_landmarks_are_enough(flat):
    points, sheet = flat
    np.testing.assert_allclose(Landmarks(points, sheet, 15)(points), sheet, atol=1e-5)
    np.testing.assert_allclose(Landmarks(points[:1], sheet[:1], 15)(points)[-1], sheet[0])


def test_a_map_that_keeps_all_neighbours_is_perfect_and_a_shuffled_one_is_chance(flat):
    points, sheet = flat
    assert map_quality(points, sheet, 10) == {"trustworthiness": 1.0, "neighbours_kept": 1.0}
    chance = map_quality(points, np.random.default_rng(1).permutation(sheet), 10)
    assert chance["trustworthiness"] == pytest.approx(0.5, abs=0.05)
    assert chance["neighbours_kept"] == pytest.approx(10 / 199, abs=0.03)


def test_neighbours_kept_are_counted_one_by_one(flat):
    points, sheet = flat
    places = sheet * [1, 0.2]

    def near(each, row):
        distance = np.linalg.norm(each - each[row], axis=1)
        return set(np.argsort(distance)[1:8].tolist())

    slow = np.mean([len(near(points, row) & near(places, row)) / 7 for row in range(200)])
    assert map_quality(points, places, 7)["neighbours_kept"] == pytest.approx(slow)


def test_of_too_few_galaxies_nothing_is_said():
    assert map_quality(np.zeros((20, 3)), np.zeros((20, 2)), 10) == {}
