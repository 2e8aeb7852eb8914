"""The field: the same sky for all, as crowded as the sky is, and each survey's share of it."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from selfsup.sky import neighbours
from selfsup.sky.grid import Grid
from selfsup.sky.survey import Survey

SURVEYS = Path(__file__).parents[2] / "conf" / "survey"
FIELDS = [neighbours.draw_field(1, index) for index in range(120)]


def survey(name="sdss"):
    return Survey.from_config(yaml.safe_load((SURVEYS / f"{name}.yaml").read_text()))


def test_repeats_and_differs():
    again = neighbours.draw_field(1, 7)
    for field in fields(again):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(FIELDS[7], field.name))
    assert len(FIELDS[7].star_xy) != len(FIELDS[8].star_xy) or not np.array_equal(FIELDS[7].star_xy, FIELDS[8].star_xy)


def test_counts():
    """Per square arcmin: 16.6 stars times exp(0.5^2 / 2), and 50 galaxies, to magnitude 25."""
    area = (130 / 60) ** 2
    assert np.mean([len(one.galaxy_mag) for one in FIELDS]) == pytest.approx(50.1 * area, rel=0.05)
    assert np.mean([len(one.star_mag) for one in FIELDS]) == pytest.approx(16.6 * 1.133 * area, rel=0.15)
    magnitudes = np.concatenate([one.galaxy_mag for one in FIELDS])
    ratio = np.log10((magnitudes < 24).sum() / (magnitudes < 22).sum()) / 2
    assert ratio == pytest.approx(0.36, abs=0.03)
    assert min(one.star_mag[:, 1].min() for one in FIELDS) >= neighbours.BRIGHTEST


def test_a_deeper_survey_sees_the_same_and_more():
    shallow, deep = (neighbours.visible(FIELDS[3], survey(name), 100.0) for name in ("sdss", "lsst"))
    seen = {tuple(xy) for xy in deep.galaxy_xy}
    assert {tuple(xy) for xy in shallow.galaxy_xy} < seen
    assert len(deep.star_xy) > len(shallow.star_xy) > 0


def test_frame_and_centre():
    for field in FIELDS:
        shown = neighbours.visible(field, survey("lsst"), 60.0)
        places = np.concatenate([shown.star_xy, shown.galaxy_xy])
        assert np.abs(places).max() < 30
        assert np.hypot(*places.T).min() > 3.6


def test_an_empty_sky():
    nothing = neighbours.visible(FIELDS[0], survey(), 0.5)
    light, grid = torch.zeros(1, 3, 48, 48), Grid(torch.tensor([0.03]), 16)
    neighbours.paint(light, [nothing], grid)
    assert not light.any()


def test_colours():
    """Stars and galaxies in r of SDSS have the r magnitude they were given; in i, g they have colours of their kind."""
    shown = neighbours.visible(FIELDS[3], survey(), 120.0)
    r = 22.5 - 2.5 * np.log10(shown.star_flux[:, 1])
    given = FIELDS[3].star_mag[:, 1]
    assert max(np.abs(given - one).min() for one in r) < 0.1
    g_minus_i = 2.5 * np.log10(shown.galaxy_flux[:, 0] / shown.galaxy_flux[:, 2])
    assert (g_minus_i > -0.5).all()
    assert 0.3 < np.median(g_minus_i) < 2.5
    assert neighbours.visible(FIELDS[3], survey("euclid"), 120.0).star_flux.min() > 0


def test_paint_keeps_flux_and_place():
    grid = Grid(torch.tensor([0.5, 0.25]), 64)
    galaxies = np.array([[4.0, -3.0], [-6.0, 2.0], [0.0, 5.0]])
    shape = np.array([[0.05, 1.0, 0.0], [0.8, 0.4, 0.7], [2.0, 0.6, 2.0]])
    flux = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [4.0, 4.0, 4.0]])
    stars = np.array([[1.0, 1.0]])
    seen = [
        neighbours.Visible(stars, np.ones((1, 3)), galaxies, shape, flux),
        neighbours.Visible(np.zeros((0, 2)), np.zeros((0, 3)), galaxies[:1], shape[:1], flux[:1]),
    ]
    light = torch.zeros(2, 3, grid.edge, grid.edge)
    neighbours.paint(light, seen, grid)
    totals = light.sum((2, 3)) * grid.step_arcsec[:, None] ** 2
    torch.testing.assert_close(totals, torch.tensor([[9.0, 9.0, 9.0], [1.0, 2.0, 3.0]]), rtol=1e-3, atol=0)
    place = (light[1, 1].sum(0) * grid.axis[1]).sum() / light[1, 1].sum()
    assert float(place) == pytest.approx(4.0, abs=0.01)


def test_batch_is_its_singles():
    grid = Grid(torch.tensor([0.4, 0.6]), 64)
    seen = [neighbours.visible(field, survey(), 30.0) for field in FIELDS[:2]]
    together = torch.zeros(2, 3, grid.edge, grid.edge)
    neighbours.paint(together, seen, grid)
    for k in range(2):
        alone = torch.zeros(1, 3, grid.edge, grid.edge)
        neighbours.paint(alone, seen[k : k + 1], grid.of(torch.tensor([k])))
        torch.testing.assert_close(together[k], alone[0])
