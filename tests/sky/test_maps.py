"""Truth maps lie on what they name."""

from dataclasses import replace

import numpy as np
import pytest

from selfsup.sky.maps import STRUCTURES, structure_maps
from selfsup.sky.population import draw
from selfsup.sky.view import View

SIZE = 64


@pytest.fixture(scope="module")
def view(survey):
    return View(survey, SIZE, 0.5)


@pytest.fixture(scope="module")
def galaxies():
    return [draw(4, index, "balanced") for index in range(400)]


def mapped(galaxies, view, name, condition):
    chosen = [g for g in galaxies if condition(g)][:12]
    assert chosen
    return chosen, structure_maps(chosen, view)[:, STRUCTURES.index(name)]


def disc(galaxy):
    found = galaxy.primary.disc
    return found if found is not None and found.edge_on is None else None


def test_maps_are_masks_of_the_picture(galaxies, view):
    maps = structure_maps(galaxies[:8], view)
    assert maps.shape == (8, len(STRUCTURES), SIZE, SIZE)
    assert maps.dtype == bool
    np.testing.assert_array_equal(structure_maps(galaxies[3:4], view)[0], maps[3])
    assert structure_maps([], view).shape == (0, len(STRUCTURES), SIZE, SIZE)


def test_an_elliptical_has_no_structure(galaxies, view):
    plain = [g for g in galaxies if g.family == "elliptical"][:5]
    assert not structure_maps(plain, view).any()


def test_a_strong_bar_lies_along_its_angle(galaxies, view):
    # nearly face-on, so that its angle in the disc is its angle on the sky but for the turn of the disc
    chosen, maps = mapped(
        galaxies, view, "bar", lambda g: disc(g) and disc(g).q > 0.85 and disc(g).bar and disc(g).bar.strong
    )
    errors = []
    for galaxy, mask in zip(chosen, maps, strict=True):
        if mask.sum() < 12:
            continue
        y, x = np.nonzero(mask)
        x, y = x - x.mean(), y - y.mean()
        angle = 0.5 * np.arctan2(2 * (x * y).sum(), (x * x - y * y).sum())
        expected = disc(galaxy).angle + disc(galaxy).bar.angle
        errors.append(abs((angle - expected + np.pi / 2) % np.pi - np.pi / 2))
    assert len(errors) >= 2
    assert np.median(errors) < 0.25


def test_a_ring_leaves_the_middle_free(galaxies, view):
    _, maps = mapped(galaxies, view, "ring", lambda g: disc(g) and g.family == "ringed" and disc(g).q > 0.5)
    seen = [mask for mask in maps if mask.sum() > 30]
    assert seen
    for mask in seen:
        assert not mask[SIZE // 2 - 1 : SIZE // 2 + 1, SIZE // 2 - 1 : SIZE // 2 + 1].all()


def test_a_bulge_is_in_the_middle(galaxies, view):
    big = lambda g: disc(g) and g.primary.spheroid and 0.3 < g.primary.spheroid.share < 0.6  # noqa: E731
    _, maps = mapped(galaxies, view, "bulge", big)
    assert np.mean([mask[28:36, 28:36].any() for mask in maps]) > 0.8
    assert np.mean(maps[:, :8].any(axis=(1, 2))) < 0.2


def test_arms_are_brighter_than_their_surroundings(galaxies, view):
    """In the light of the galaxy itself: the map lies where the spiral is."""
    from selfsup.sky.observe import observe

    chosen, maps = mapped(
        galaxies,
        view,
        "arms",
        lambda g: disc(g) and g.family == "spiral" and disc(g).q > 0.6 and disc(g).arms and not disc(g).flocculent,
    )
    gains = []
    axis = np.arange(SIZE) - (SIZE - 1) / 2
    radius = np.hypot(axis[:, None], axis[None, :])
    for galaxy, mask in zip(chosen, maps, strict=True):
        picture = observe([galaxy], view)[0].astype(float).mean(2)
        for low in range(6, 24, 3):
            here = (radius >= low) & (radius < low + 3)
            if 5 < (mask & here).sum() < 0.8 * here.sum():
                gains.append(picture[mask & here].mean() / picture[here & ~mask].mean())
    assert len(gains) > 10
    assert np.median(gains) > 1.1


def test_tails_and_shells_are_tidal(galaxies, view):
    chosen = [g for g in galaxies if g.family in ("disturbed", "merger")][:20]
    tidal = structure_maps(chosen, view)[:, STRUCTURES.index("tidal")]
    has = [any(b.shells or (b.disc is not None and b.disc.tails) for b in g.bodies) for g in chosen]
    assert not tidal[~np.array(has)].any()
    assert tidal[np.array(has)].any(axis=(1, 2)).mean() > 0.4


def test_maps_move_with_the_picture(galaxies, view):
    """Another exposure points a little elsewhere."""
    galaxy = next(g for g in galaxies if disc(g) and disc(g).bar and disc(g).bar.strong and disc(g).q > 0.6)
    first, again = (structure_maps([galaxy], replace(view, epoch=epoch)) for epoch in (0, 5))
    assert (first != again).any()
