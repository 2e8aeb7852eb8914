import math
from dataclasses import replace

import pytest
import torch

from selfsup.sky import texture
from selfsup.sky.atlas import Atlas, paint
from selfsup.sky.galaxy import Arm, Bar, Disc, Knot, Ring

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
    knots=tuple(Knot(0.1, 0.04, (i / 10, 0.7 * i % 1)) for i in range(10)),
    **{"arm_noise": 0.2, "arm_wiggle": 0.05, "patchiness": 0.4, "dust": 0.8, "lopsided": 0.2, "mottle": 0.3},
)
SHEET = texture.sheet("cpu")


def spiral(count, pitch, **changes):
    angles = (0.4 + 2 * math.pi * k / count for k in range(count))
    arms = tuple(Arm(angle, pitch, 0.28 if count < 3 else 0.2, 1.2, 0.3, 5.0) for angle in angles)
    return replace(PLAIN, arms=arms, **changes)


def wave(pattern):
    """(m, p) of the strongest logarithmic spiral exp(i (m theta + p u)) (Puerari and Dottori 1992)."""
    around = torch.fft.rfft(pattern - pattern.mean(1, keepdim=True))[:, :12]
    both = torch.fft.fft(around, n=2048, dim=0).abs()
    p, m = divmod(int(both.argmax()), both.shape[1])
    return m, float(torch.fft.fftfreq(2048, texture.LOG_STEP)[p]) * 2 * math.pi


@pytest.mark.parametrize(("count", "pitch"), [(1, 12.0), (2, 8.0), (2, 15.0), (2, 30.0), (3, 20.0), (5, 18.0)])
@pytest.mark.parametrize("sense", [-1, 1])
def test_arms_are_logarithmic_spirals(count, pitch, sense):
    atlas = paint([spiral(count, pitch, sense=sense)])
    for painted in (atlas.arms[0], atlas.young[0] * torch.exp(SHEET.radius / PLAIN.young_scale)):
        m, p = wave(painted)
        # A constant m theta + p u is theta = -p / m u.
        assert m % count == 0
        assert math.degrees(math.atan2(m, -p * sense)) == pytest.approx(pitch, rel=0.06)


@pytest.mark.parametrize("disc", [PLAIN, SPIRAL, replace(SPIRAL, outer_share=0.03), replace(PLAIN, young_share=0.0)])
def test_light_is_of_unit_flux(disc):
    atlas = paint([disc])
    for light in (atlas.old, atlas.young):
        assert (light * SHEET.area).sum() == pytest.approx(1, abs=1e-5)
        assert light.min() >= 0


def test_a_plain_disc_is_exponential():
    old = paint([replace(PLAIN, truncation=30.0)]).old[0]
    torch.testing.assert_close(old, (torch.exp(-SHEET.radius) / (2 * math.pi)).expand_as(old), rtol=5e-3, atol=0)


def test_no_seam_where_the_angle_turns_over():
    atlas = paint([SPIRAL])
    for name in Atlas.__dataclass_fields__:
        painted = getattr(atlas, name)[0]
        inside, across = painted.diff(dim=1).abs().amax(), (painted[:, 0] - painted[:, -1]).abs().amax()
        assert 0 < across <= inside, name


def test_bar_lies_at_its_angle_and_has_its_share():
    bar = Bar(True, 0.25, 1.2, 0.3, 0.8, 0.0, 2.0, False)
    with_bar, without = paint([replace(PLAIN, bar=bar, young_share=0.0)]), paint([PLAIN])
    excess = with_bar.old[0] - 0.75 * without.old[0]
    assert (excess * SHEET.area).sum() == pytest.approx(0.25, abs=1e-4)
    second = (excess * SHEET.area * SHEET.radius**2 * torch.exp(2j * SHEET.theta)).sum()
    assert second.angle() / 2 == pytest.approx(0.8, abs=0.01)
    inside = (with_bar.bar[0] > 0.5) * SHEET.area
    assert inside.sum() == pytest.approx(math.pi * 1.2**2 * 0.3, rel=0.03)


def test_ring_is_bright_at_its_radius_and_takes_its_share():
    ring = Ring(2.0, 0.2, 0.15, 0.6, 1.0, 0.0)
    with_ring, without = paint([replace(PLAIN, rings=(ring,))]), paint([PLAIN])
    inner = SHEET.radius[:, 0] < 4  # beyond the truncation there is no light to compare
    ratio = (with_ring.young / without.young)[0, inner].mean(1)
    assert SHEET.radius[ratio.argmax(), 0] == pytest.approx(2.0, rel=0.1)
    assert ratio.max() > 2
    assert SHEET.radius[with_ring.ring[0, :, 0].argmax(), 0] == pytest.approx(2.0, rel=texture.LOG_STEP)


@pytest.mark.parametrize("sense", [-1, 1])
def test_dust_lanes_lie_at_the_inner_edges(sense):
    disc = spiral(1, 15.0, sense=sense, dust=0.5)
    without = replace(disc, arms=(replace(disc.arms[0], amplitude=0.0),))
    atlas, between = paint([disc]), paint([without])
    row = int((SHEET.radius[:, 0] - 2).abs().argmin())
    arm, lane = atlas.arms[0, row].argmax(), (atlas.dust / between.dust)[0, row].argmax()
    # At the same angle the lane is nearer, so at the same radius it is where the arm has yet to get.
    ahead = math.remainder(float(SHEET.theta[lane] - SHEET.theta[arm]), 2 * math.pi) * sense
    assert ahead == pytest.approx(0.9 * 0.28 * (0.75 + 2 / 6), abs=0.03)


def test_faint_and_flocculent_arms_are_no_structure():
    plain = spiral(2, 15.0)
    faint = replace(plain, arms=tuple(replace(arm, amplitude=0.05) for arm in plain.arms))
    strengths = [paint([disc]).arms.max() for disc in (plain, faint, replace(plain, flocculent=True), PLAIN)]
    assert strengths[0] > 0.9
    assert 0 < strengths[1] < 0.5
    assert strengths[2:] == [0, 0]


def test_lopsided_light_leans_to_its_angle():
    atlas = paint([replace(PLAIN, lopsided=0.4, lopsided_angle=2.0)])
    first = (atlas.old[0] * SHEET.area * torch.exp(1j * SHEET.theta)).sum()
    assert first.angle() == pytest.approx(2.0, abs=1e-3)
    assert first.abs() > 0.05


def test_tail_reaches_beyond_the_disc():
    atlas, without = paint([replace(PLAIN, tails=SPIRAL.tails)]), paint([PLAIN])
    far = (SHEET.radius[:, 0] > 4.5) & (SHEET.radius[:, 0] < 5.5)
    assert atlas.old[0, far].max() > 5 * without.old[0, far].max()
    assert atlas.tails[0, far].max() > 0.5
    assert without.tails.max() == 0


def test_the_same_in_any_batch_and_every_time():
    batch = [SPIRAL, replace(PLAIN, texture_seed=3), spiral(4, 22.0, texture_seed=9, patchiness=0.5)]
    together = paint(batch)
    for k, disc in enumerate(batch):
        alone, again = paint([disc]), paint([disc])
        for name in Atlas.__dataclass_fields__:
            torch.testing.assert_close(getattr(together, name)[k], getattr(alone, name)[0], atol=1e-5, rtol=1e-4)
            assert torch.equal(getattr(alone, name), getattr(again, name))


def test_texture_changes_with_the_seed():
    one, other = (paint([replace(SPIRAL, texture_seed=seed)]).young for seed in (1, 2))
    assert (one - other).abs().max() > 0.1 * one.max()
