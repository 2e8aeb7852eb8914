"""A gallery shows each query once and its neighbours in order, line after line."""

import numpy as np
import pytest

from selfsup.report.gallery_figures import ACROSS, Gallery, draw_galleries, mosaic


def plain(*levels):
    """A picture of one red level each."""
    return np.stack([np.full((16, 16, 3), (level, 0, 90), dtype=np.uint8) for level in levels])


def found(pixels, colour):
    """Rows and columns where a colour begins, as shares of the figure; None where it is nowhere."""
    there = np.argwhere(np.abs(pixels - colour).max(axis=2) <= 4)
    return there.min(axis=0) / pixels.shape[:2] if len(there) else None


def test_neighbours_stand_in_order_beside_their_query(tmp_path, pixels):
    levels = [40 + 10 * i for i in range(9)]
    first = Gallery("first", plain(250), plain(*levels), [f"{level}" for level in levels])
    second = Gallery("second", plain(30), plain(20), ["20"])
    draw_galleries([first, second], "cosine similarity", tmp_path / "figures" / "gallery.png")
    shown = pixels(tmp_path / "figures" / "gallery.png")
    query, *near = (found(shown, (level, 0, 90)) for level in (250, *levels))
    assert [int(place[1] * ACROSS) for place in (query, *near)] == [0, 1, 2, 3, 4, 5, 6, 7, 1, 2]
    assert np.allclose([place[0] for place in near[:7]], query[0], atol=0.01)
    assert near[7][0] > near[6][0] + 0.1
    below, beside = found(shown, (30, 0, 90)), found(shown, (20, 0, 90))
    assert below[0] == pytest.approx(beside[0], abs=0.01)
    assert below[0] > near[8][0]


def test_a_query_without_a_picture_leaves_its_place_empty(tmp_path, pixels):
    one = Gallery("$vector_1", np.empty((0, 1, 1, 3), np.uint8), plain(200), ["0.5"])
    draw_galleries([one], "distance", tmp_path / "gallery.png")
    shown = pixels(tmp_path / "gallery.png")
    left = shown[shown.shape[0] // 2 :, : shown.shape[1] // ACROSS]
    assert (left == 255).all()
    assert found(shown, (200, 0, 90)) is not None


def test_the_query_alone_has_a_frame(tmp_path, has_colour):
    for name, examples in (("with", plain(250)), ("without", np.empty((0, 1, 1, 3), np.uint8))):
        draw_galleries([Gallery("a", examples, plain(20), ["1"])], "distance", tmp_path / f"{name}.png")
    assert has_colour(tmp_path / "with.png", "#0072B2")
    assert not has_colour(tmp_path / "without.png", "#0072B2")


def test_several_examples_share_one_place():
    assert np.array_equal(mosaic(plain(7)), plain(7)[0])
    sheet = mosaic(plain(10, 20, 30, 40, 50))
    assert sheet.shape == (16, 16, 3)
    assert [sheet[row, column, 0] for row in (0, 15) for column in (0, 15)] == [10, 20, 30, 40]
    assert np.array_equal(mosaic(plain(10, 20))[8:], np.full((8, 16, 3), 255))
    assert mosaic(np.stack([np.full((15, 15, 3), 9, np.uint8)] * 2)).shape == (14, 14, 3)
