import math
from dataclasses import replace

import pytest
import torch

from selfsup.sky import discs
from selfsup.sky.galaxy import Arm, Bar, Disc, Knot, Ring
from selfsup.sky.grid import Grid

OLD, YOUNG = (1.0, 0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.85, 0.15)
PLAIN = Disc(
    **dict.fromkeys(("arm_noise", "arm_wiggle", "patchiness", "outer_share", "hole_depth", "dust", "knot_share"), 0.0),
    **dict.fromkeys(("lopsided", "lopsided_angle", "mottle"), 0.0),
    **dict.fromkeys(("arms", "rings", "knots", "tails"), ()),
    **dict.fromkeys(("bar", "edge_on"), None),
    **{"share": 1.0, "h_kpc": 3.0, "inclination_deg": 45.0, "q": 0.72, "thickness": 0.15, "angle": 0.3, "kind": 0.5},
    **{"young_share": 0.3, "old_stars": OLD, "young_stars": YOUNG, "sense": 1, "flocculent": False},
    **{"arm_old": 0.6, "arm_young": 0.8, "truncation": 4.0, "truncation_width": 0.4, "outer_scale": 2.5},
    **{"young_scale": 1.3, "hole_radius": 0.5, "mottle_cells": 2.0, "texture_seed": 7},
)
SPIRAL = replace(
    PLAIN,
    arms=(Arm(0.5, 15.0, 0.28, 1.2, 0.5, 3.5), Arm(3.7, 15.0, 0.28, 1.2, 0.5, 3.5)),
    bar=Bar(True, 0.2, 1.0, 0.25, 0.4, 0.4, 2.8, True),
    rings=(Ring(2.0, 0.2, 0.1, 0.4, 0.9, 0.0),),
    tails=(Arm(1.0, 35.0, 0.2, 0.8, 1.5, 6.0),),
    knots=tuple(Knot(0.1, 0.04, ((i + 0.5) / 10, 0.7 * i % 1)) for i in range(10)),
    **{"arm_noise": 0.2, "arm_wiggle": 0.05, "patchiness": 0.4, "dust": 0.8, "lopsided": 0.2, "mottle": 0.3},
)
OLD_FLUX, YOUNG_FLUX, KNOT_FLUX = (3.0, 2.0, 1.0), (0.5, 0.7, 0.9), (0.1, 0.2, 0.3)
MIRROR = 143  # rows and columns that are symmetric about the middle: the last of the 144 has no partner


def place(count=1, h=2.4, q=0.72, angle=0.3, x0=0.0, y0=0.0):
    numbers = (torch.full((count,), value) for value in (x0, y0, h, q, angle))
    return discs.Placed(*numbers, *(torch.tensor([flux] * count) for flux in (OLD_FLUX, YOUNG_FLUX, KNOT_FLUX)))


def grid(count=1, size_px=64):
    return Grid(torch.full((count,), 0.5), size_px)


def draw(disc, **placing):
    return discs.light([disc], place(**placing), grid())[0]


def mirrored(image):
    """Rows the other way round: y -> -y."""
    return image.flip(-2)


def moments(image):
    """Centre, axis ratio and angle of an image by its second moments."""
    x = grid().axis[0]
    image = image / image.sum()
    columns, rows = image.sum(0), image.sum(1)
    x0, y0 = float(columns @ x), float(rows @ x)
    xx, yy = float(columns @ (x - x0) ** 2), float(rows @ (x - y0) ** 2)
    xy = float((x - y0) @ image @ (x - x0))
    mean, half = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
    return x0, y0, math.sqrt((mean - half) / (mean + half)), math.atan2(xy, (xx - yy) / 2) / 2


@pytest.mark.parametrize("disc", [PLAIN, replace(SPIRAL, dust=0.0, tails=())])
@pytest.mark.parametrize("shape", [{}, {"q": 0.25}, {"h": 1.2, "q": 0.3}, {"x0": 2.0, "y0": -3.0}])
def test_light_adds_up_to_the_fluxes(disc, shape):
    total = draw(disc, **shape).sum((1, 2)) * grid().step_arcsec ** 2
    expected = torch.tensor([OLD_FLUX, YOUNG_FLUX, KNOT_FLUX]).sum(0)
    torch.testing.assert_close(total, expected, rtol=0.015, atol=0)


@pytest.mark.parametrize("q", [0.3, 0.6, 1.0])
def test_inclination_gives_the_axis_ratio(q):
    x0, y0, measured, angle = moments(draw(PLAIN, q=q, angle=0.9, x0=1.0, y0=-2.0)[0])
    assert (x0, y0) == pytest.approx((1.0, -2.0), abs=0.02)
    assert measured == pytest.approx(q, abs=0.02)
    if q < 1:
        assert angle == pytest.approx(0.9, abs=0.01)


def test_another_angle_turns_the_image():
    image, turned = draw(SPIRAL, angle=0.0), draw(SPIRAL, angle=math.pi / 2)
    # From x towards y: what was at (x, y) goes to (-y, x).
    back = mirrored(turned[:, :MIRROR, :MIRROR].transpose(1, 2))
    torch.testing.assert_close(back, image[:, :MIRROR, :MIRROR], rtol=0, atol=1e-3 * float(image.max()))


def test_the_other_sense_mirrors_the_arms():
    arms = (Arm(0.0, 20.0, 0.3, 1.2, 0.5, 3.5), Arm(math.pi, 20.0, 0.3, 1.2, 0.5, 3.5))
    one, other = (draw(replace(PLAIN, arms=arms, sense=sense), angle=0.0)[0] for sense in (1, -1))
    assert (one - other).abs().max() > 0.1 * one.max()
    torch.testing.assert_close(mirrored(other[:MIRROR]), one[:MIRROR], rtol=0, atol=1e-3 * float(one.max()))


def test_dust_dims_and_reddens():
    clear, dusty = draw(replace(SPIRAL, dust=0.0)), draw(SPIRAL)
    red, green, blue = (dusty.sum((1, 2)) / clear.sum((1, 2))).tolist()
    assert 0.2 < blue < green < red < 0.98
    assert bool((dusty <= clear + 1e-6).all())


def test_knots_are_patches_where_young_stars_are():
    ring = replace(PLAIN, rings=(Ring(2.0, 0.05, 0.0, 0.999, 1.0, 0.0),), knots=SPIRAL.knots)
    placed = replace(place(q=1.0), flux_old=torch.zeros(1, 3), flux_young=torch.zeros(1, 3))
    image = discs.light([ring], placed, grid())[0, 1]
    axis = grid().axis[0]
    radius = torch.hypot(axis[:, None], axis) / 2.4
    assert image[(radius - 2).abs() < 0.5].sum() > 0.95 * image.sum()
    assert (image > 0.1 * image.max()).float().mean() < 0.05


def test_a_batch_is_its_discs_one_by_one():
    batch = [SPIRAL, replace(PLAIN, texture_seed=3), replace(SPIRAL, rings=(), texture_seed=5)]
    together = discs.light(batch, place(3), grid(3))
    found = discs.structures(batch, place(3), grid(3))
    for k, disc in enumerate(batch):
        torch.testing.assert_close(together[k], draw(disc), atol=1e-5, rtol=1e-4)
        assert torch.equal(draw(disc), draw(disc))
        for name, each in discs.structures([disc], place(), grid()).items():
            torch.testing.assert_close(found[name][k], each[0], atol=1e-5, rtol=1e-4)


def test_structures_lie_where_they_are_drawn():
    found = discs.structures([SPIRAL], place(q=1.0, angle=0.0), grid())
    assert list(found) == ["arms", "bar", "ring", "tidal"]
    axis = grid().axis[0]
    radius = torch.hypot(axis[:, None], axis) / 2.4
    assert radius[found["bar"][0] > 0.5].max() < 1.25
    assert 1.4 < radius[found["ring"][0] > 0.5].min() < radius[found["ring"][0] > 0.5].max() < 2.3
    assert radius[found["tidal"][0] > 0.5].max() > 4
    assert 0.02 < (found["arms"][0] > 0.5).float().mean() < 0.4
    assert all(each.min() >= 0 and each.max() <= 1 for each in found.values())
    assert all(each.max() == 0 for each in discs.structures([PLAIN], place(), grid()).values())
