"""Light is where the bodies are, and as much as they have."""

from dataclasses import replace

import pytest
import torch

from selfsup.sky import scene
from selfsup.sky.observe import grid_of
from selfsup.sky.population import draw
from selfsup.sky.view import View


@pytest.fixture
def view(survey):
    return View(survey, 64, 2.0)


def drawn(galaxies, view):
    seen = [view.appearance(galaxy) for galaxy in galaxies]
    grid = grid_of(seen, view)
    return scene.draw(galaxies, seen, view.survey, grid), seen, grid


def some(family, count, condition=lambda galaxy: True):
    found = (draw(2, index, "balanced") for index in range(4000))
    return [g for g in found if g.family == family and condition(g)][:count]


def without_dust(galaxy):
    bodies = tuple(replace(b, disc=replace(b.disc, dust=0.0)) if b.disc is not None else b for b in galaxy.bodies)
    return replace(galaxy, bodies=bodies)


def tilted(galaxy):
    disc = galaxy.primary.disc
    return disc is not None and disc.edge_on is None


@pytest.mark.parametrize("family", ["elliptical", "lenticular", "spiral", "merger"])
def test_all_light_is_on_a_large_stamp(family, view):
    galaxies = [
        without_dust(g) for g in some(family, 6, tilted if family in ("lenticular", "spiral") else lambda g: True)
    ]
    light, seen, grid = drawn(galaxies, view)
    for row, one in enumerate(seen):
        total = light[row].sum((1, 2)) * grid.step_arcsec[row] ** 2
        # an elliptical's wings and the far side of a merger reach beyond the stamp
        assert (total / torch.tensor(one.flux, dtype=torch.float32)).min() > 0.88
        assert (total / torch.tensor(one.flux, dtype=torch.float32)).max() < 1.05


def test_dust_takes_blue_light_first(view):
    dusty = some("spiral", 8, lambda g: tilted(g) and g.primary.disc.dust > 0.6)
    assert dusty
    light, _, _ = drawn(dusty, view)
    clear, _, _ = drawn([without_dust(g) for g in dusty], view)
    red, _, blue = (light.sum((2, 3)) / clear.sum((2, 3))).unbind(1)
    assert (blue < red).all()
    assert (red < 1).all()


def test_stamps_of_a_batch_are_those_drawn_alone(view):
    galaxies = [some(family, 1)[0] for family in ("elliptical", "spiral", "merger", "lens", "disturbed", "irregular")]
    together, _, _ = drawn(galaxies, view)
    for row, galaxy in enumerate(galaxies):
        alone, _, _ = drawn([galaxy], view)
        torch.testing.assert_close(together[row], alone[0], rtol=1e-4, atol=1e-5 * float(alone.max()))


def test_both_galaxies_of_a_merger_are_there(view):
    galaxy = some("merger", 1, tilted)[0]
    one = replace(galaxy, bodies=galaxy.bodies[:1])
    seen = view.appearance(galaxy)
    grid = grid_of([seen], view)
    both = scene.draw([galaxy], [seen], view.survey, grid)
    first = scene.draw([one], [seen], view.survey, grid)
    second = (both - first)[0, 1].clamp_min(0)
    companion = galaxy.bodies[1]
    x, y = (value / seen.kpc_per_arcsec for value in (companion.x_kpc, companion.y_kpc))
    axis = grid.axis[0]
    centre = [float((second.sum(dim) * axis).sum() / second.sum()) for dim in (0, 1)]
    assert centre == pytest.approx([x, y], abs=0.35 * seen.half_light_arcsec)
