import math
from dataclasses import replace

import pytest
import torch

from selfsup.sky import edge_on
from selfsup.sky.discs import Placed
from selfsup.sky.galaxy import Disc, EdgeOn
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
SIDE = EdgeOn(height=0.18, dust=0.0, lane_height=0.4, lane_offset=0.0, warp=0.0, boxy_bulge=False)
OLD_FLUX, YOUNG_FLUX, KNOT_FLUX = (3.0, 2.0, 1.0), (0.5, 0.7, 0.9), (0.1, 0.2, 0.3)


def side_on(texture_seed=7, **changes):
    return replace(PLAIN, edge_on=replace(SIDE, **changes), texture_seed=texture_seed)


def place(count=1, h=3.0, angle=0.0):
    numbers = (torch.full((count,), value) for value in (0.0, 0.0, h, 0.2, angle))
    return Placed(*numbers, *(torch.tensor([flux] * count) for flux in (OLD_FLUX, YOUNG_FLUX, KNOT_FLUX)))


def grid(count=1):
    return Grid(torch.full((count,), 0.5), 64)


def draw(disc, **placing):
    return edge_on.light([disc], place(**placing), grid())[0]


def lane(disc, **placing):
    return edge_on.transmission([disc], place(**placing), grid())[0]


@pytest.mark.parametrize("changes", [{}, {"height": 0.03}, {"warp": 0.3}])
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_light_adds_up_to_the_fluxes(changes, angle):
    total = draw(side_on(**changes), h=2.4, angle=angle).sum((1, 2)) * 0.25**2
    torch.testing.assert_close(total, torch.tensor([OLD_FLUX, YOUNG_FLUX, KNOT_FLUX]).sum(0), rtol=0.015, atol=0)


def test_old_light_falls_as_sech_squared_from_the_plane():
    placed = replace(place(), flux_young=torch.zeros(1, 3), flux_knots=torch.zeros(1, 3))
    across = edge_on.light([side_on()], placed, grid())[0, 0, :, 71]
    z = grid().axis[0] / (3.0 * 0.18)
    expected = 1 / torch.cosh(z) ** 2
    torch.testing.assert_close(across / across.max(), expected / expected.max(), atol=1e-4, rtol=1e-3)


def test_lies_along_its_angle():
    image, x = draw(side_on(), angle=0.7)[0], grid().axis[0]
    image = image / image.sum()
    xx, yy, xy = image.sum(0) @ x**2, image.sum(1) @ x**2, x @ image @ x
    assert math.atan2(2 * xy, xx - yy) / 2 == pytest.approx(0.7, abs=0.01)


def test_without_a_lane_all_light_comes_through():
    assert bool((lane(side_on()) == 1).all())
    both = edge_on.transmission([side_on(), side_on(dust=3.0)], place(2), grid(2))
    assert bool((both[0] == 1).all())
    assert both[1].min() < 0.6


def test_lane_dims_blue_most_and_leaves_what_lies_before_it():
    dusty = lane(side_on(dust=50.0))
    red, green, blue = dusty.mean((1, 2)).tolist()
    assert blue < green < red < 1
    assert dusty.min() == pytest.approx(0.08, abs=0.005)


def test_lane_lies_off_the_plane_by_its_offset():
    depth = -lane(side_on(dust=2.0, lane_offset=1.0))[1].log()
    middle = (depth.sum(1) @ grid().axis[0]) / depth.sum()
    assert middle == pytest.approx(1.0 * 0.18 * 3.0, abs=0.15)


def test_warp_bends_the_ends_to_opposite_sides():
    image, axis = draw(side_on(warp=0.3))[0], grid().axis[0]
    heights = (axis @ image) / image.sum(0)
    at = [int((axis - x).abs().argmin()) for x in (-9.0, 0.0, 9.0)]
    assert heights[at].tolist() == pytest.approx([-0.9, 0.0, 0.9], abs=0.05)


def test_a_batch_is_its_discs_one_by_one():
    batch = [side_on(), side_on(3, dust=4.0), side_on(5, dust=2.0, warp=0.2, height=0.25)]
    light, through = (draw_all(batch, place(3), grid(3)) for draw_all in (edge_on.light, edge_on.transmission))
    for k, disc in enumerate(batch):
        torch.testing.assert_close(light[k], draw(disc), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(through[k], lane(disc), atol=1e-5, rtol=1e-4)
        assert torch.equal(lane(disc), lane(disc))
    assert not torch.allclose(lane(side_on(1, dust=4.0)), lane(side_on(2, dust=4.0)))


def test_a_tilted_disc_is_refused():
    with pytest.raises(ValueError, match="not edge-on"):
        draw(PLAIN)
