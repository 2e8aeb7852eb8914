"""Maps in colours: each galaxy where it lies, in the colour of its value; very many as what lies in each cell."""

import numpy as np
import pytest
from matplotlib import colormaps

from selfsup.report.cluster_figures import COLOURS
from selfsup.report.map_figures import MOST_POINTS, coloured_map, in_square
from selfsup.report.style import GREY


@pytest.fixture(params=[400, MOST_POINTS + 4_000], ids=["points", "cells"])
def halves(request):
    """Galaxies on the left (small x) and on the right: places (N, 2), which are right (N,) bool."""
    rng = np.random.default_rng(0)
    right = np.arange(request.param) % 2 == 1
    return np.stack(
        [rng.uniform(0.05, 0.45, request.param) + 0.5 * right, rng.uniform(0.05, 0.95, request.param)], 1
    ), right


def share(picture, colour, left, right):
    """Of the pixels between these shares of the width, those of the colour."""
    part = picture[:, int(left * picture.shape[1]) : int(right * picture.shape[1])]
    return (np.abs(part - np.round(np.array(colour) * 255)).max(axis=2) < 60).mean()


def rgb(colour):
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def test_words_have_their_colours_where_they_lie(halves, tmp_path, pixels):
    places, right = halves
    coloured_map(places, np.where(right, "spiral", "smooth").astype(object), "form", tmp_path / "map.png")
    picture = pixels(tmp_path / "map.png")
    smooth, spiral = map(rgb, COLOURS[:2])
    assert share(picture, smooth, 0, 0.4) > 10 * share(picture, spiral, 0, 0.4)
    assert share(picture, spiral, 0.5, 0.75) > 10 * share(picture, smooth, 0.5, 0.75)


def test_numbers_are_coloured_between_robust_limits_and_outliers_change_nothing(halves, tmp_path, pixels):
    places, right = halves
    values = right.astype(float)
    values[0], values[1] = -1e9, np.nan
    coloured_map(places, values, "redshift", tmp_path / "map.png")
    picture = pixels(tmp_path / "map.png")
    low, high = (colormaps["viridis"](end)[:3] for end in (0.0, 1.0))
    assert share(picture, low, 0, 0.4) > 10 * share(picture, high, 0, 0.4)
    assert share(picture, high, 0.45, 0.7) > 10 * share(picture, low, 0.45, 0.7)


def test_rare_and_unknown_words_share_one_colour(tmp_path, pixels):
    places = np.random.default_rng(0).uniform(0.1, 0.9, (200, 2))
    words = np.array([*(str(i % 24) for i in range(180)), *[""] * 20], dtype=object)
    coloured_map(places, words, "group", tmp_path / "map.png")
    assert share(pixels(tmp_path / "map.png"), rgb(GREY), 0, 1) > 0.001
    coloured_map(places, np.full(200, np.nan), "nothing known", tmp_path / "none.png")
    assert share(pixels(tmp_path / "none.png"), rgb(GREY), 0, 1) > 0.001


def test_the_square_keeps_the_shape_of_the_map_and_lets_a_few_lie_outside():
    places = np.random.default_rng(0).uniform(0, 1, (5000, 2)) * [10, 5] + 70
    square = in_square(np.concatenate([places, [[1e6, 0.0]]]))
    inside = square[:-1]
    assert (square[-1] > 1).any()
    assert inside.min() > 0
    assert inside.max() < 1
    np.testing.assert_allclose(np.ptp(inside, axis=0), [0.94, 0.47], atol=0.01)
    np.testing.assert_allclose(in_square(np.ones((4, 2))), 0.5)
