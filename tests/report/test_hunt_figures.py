"""A hunt's figures show what they are given."""

import numpy as np
import pytest

from selfsup.report.hunt_figures import batch_sheet, hunt_curves, interest_map
from selfsup.report.statistics import interval
from selfsup.report.style import BLUE, GREEN, SKY, VERMILION


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (5, 1), (6, 2)])
def test_a_batch_is_drawn_five_a_row(count, rows, tmp_path, pixels):
    red = np.tile(np.array([200, 40, 40], np.uint8), (count, 16, 16, 1))
    batch_sheet(
        red, [f"a galaxy with a very long name, number {i}" for i in range(count)], tmp_path / "f" / "batch.png"
    )
    there = (pixels(tmp_path / "f" / "batch.png") == [200, 40, 40]).all(axis=2)
    down, across = (np.flatnonzero(np.diff(there.any(axis=axis).astype(int)) == 1).size for axis in (1, 0))
    assert (down, across) == (rows, min(count, 5))


@pytest.mark.parametrize("count", [40, 25_000])
def test_the_map_shows_interest_ratings_and_the_next(count, tmp_path, has_colour, pixels):
    rng = np.random.default_rng(0)
    place = rng.normal(size=(count, 2))
    interest = np.clip(place[:, 0] * 3, 0, 5)
    out = tmp_path / "map.png"
    interest_map(place, interest, np.arange(3), np.arange(3, 6), out)
    assert has_colour(out, VERMILION)
    assert has_colour(out, SKY)
    flat = tmp_path / "flat.png"
    interest_map(place, np.full(count, np.nan), np.arange(0), np.arange(3, 6), flat)
    inside = (slice(100, 800), slice(100, 900))
    assert len(np.unique(pixels(out)[inside].reshape(-1, 3), axis=0)) > len(
        np.unique(pixels(flat)[inside].reshape(-1, 3), axis=0)
    )


def test_every_method_is_a_curve_with_a_band(tmp_path, has_colour, pixels):
    rng = np.random.default_rng(0)
    curves = {
        name: {s: [interval((level + 0.1 * rng.random(repeats)).tolist()) for _ in range(4)] for s in ("a", "b")}
        for name, level, repeats in (("one", 0.2, 5), ("two", 0.5, 5), ("alone", 0.8, 1))
    }
    out = tmp_path / "hunts.png"
    hunt_curves(curves, [10, 20, 30, 40], {"a": "first", "b": "second"}, out)
    assert all(has_colour(out, colour) for colour in (BLUE, VERMILION, GREEN))
    bands = pixels(out)
    pale = (np.abs(bands - (0.18 * np.array([0, 114, 178]) + 0.82 * 255)).max(axis=2) < 4).sum()
    assert pale > 500
