"""The nearest galaxies are those of a slow search, and the figure shows them."""

import numpy as np
import pytest
from PIL import Image

from selfsup.report.neighbour_figures import draw_neighbours, nearest


def test_the_nearest_are_those_of_a_slow_search():
    embedding = np.random.default_rng(0).normal(size=(30, 5))
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True)
    similar = unit @ unit.T
    np.fill_diagonal(similar, -2)
    queries = np.array([3, 17])
    assert nearest(embedding, queries, 4).tolist() == np.argsort(-similar[queries], axis=1)[:, :4].tolist()


def test_a_galaxy_is_never_its_own_neighbour_even_among_its_equals():
    found = nearest(np.ones((6, 3)), np.arange(6), 5)
    assert [sorted(row) for row in found.tolist()] == [[o for o in range(6) if o != query] for query in range(6)]
    with pytest.raises(ValueError, match="6 nearest of 6 galaxies: there are 5 others"):
        nearest(np.ones((6, 3)), np.arange(6), 6)


def test_the_figure_shows_what_was_found(tmp_path):
    """Two kinds of galaxies, red and blue: each row has one colour."""
    kind = np.arange(20) % 2
    images = np.zeros((40, 8, 8, 3), dtype=np.uint8)
    rows = np.arange(40)[::-1][:20]
    images[rows[kind == 0], ..., 0], images[rows[kind == 1], ..., 2] = 255, 255
    embedding = np.eye(2)[kind] + np.random.default_rng(0).normal(scale=0.01, size=(20, 2))
    ((file, _),) = draw_neighbours(embedding, images, rows, tmp_path)
    with Image.open(file) as figure:
        pixels = np.asarray(figure.convert("RGB")).astype(int)
    red, blue = (pixels == [255, 0, 0]).all(2).any(1), (pixels == [0, 0, 255]).all(2).any(1)
    assert red.any()
    assert blue.any()
    assert not (red & blue).any()


def test_one_galaxy_has_no_neighbours(tmp_path):
    assert draw_neighbours(np.ones((1, 3)), np.zeros((1, 8, 8, 3), np.uint8), np.array([0]), tmp_path) == []
    assert len(draw_neighbours(np.ones((2, 3)), np.zeros((2, 8, 8, 3), np.uint8), np.arange(2), tmp_path)) == 1
