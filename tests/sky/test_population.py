import math
from collections import Counter

import numpy as np
import pytest

from selfsup.sky.appearance import absolute_magnitude, half_light_kpc, r90_arcsec
from selfsup.sky.cosmology import distance_modulus, kpc_per_arcsec
from selfsup.sky.galaxy import FAMILIES
from selfsup.sky.population import MIXES, draw
from selfsup.types import ConfigError

NUMBER = 2000


@pytest.fixture(scope="module")
def skies():
    return {mix: [draw(1, index, mix) for index in range(NUMBER)] for mix in MIXES}


@pytest.fixture(scope="module")
def bodies(skies):
    return [(galaxy.family, body) for sky in skies.values() for galaxy in sky for body in galaxy.bodies]


@pytest.fixture(scope="module")
def discs(bodies):
    return [(family, body.disc) for family, body in bodies if body.disc is not None]


def apparent(galaxy):
    """As it was drawn, with the mean K-correction."""
    return distance_modulus(galaxy.redshift) + absolute_magnitude(galaxy.bodies) + 0.1


def test_a_galaxy_is_the_same_whatever_was_drawn_before(skies):
    for index in (1999, 7, 1000, 0):
        assert draw(1, index, "natural") == skies["natural"][index]


def test_other_seeds_and_numbers_are_other_galaxies(skies):
    drawn = skies["natural"][:50] + [draw(2, index, "natural") for index in range(50)]
    assert len({galaxy.primary.magnitude for galaxy in drawn}) > 90
    assert len({galaxy.redshift for galaxy in drawn}) == 100


def test_an_unknown_mix_is_refused_with_its_neighbour():
    with pytest.raises(ConfigError, match=r"mix=naturl: write natural or balanced \(did you mean 'natural'"):
        draw(0, 0, "naturl")


@pytest.mark.parametrize("mix", MIXES)
def test_families_come_as_often_as_they_should(skies, mix):
    assert sum(MIXES[mix].values()) == pytest.approx(1)
    assert set(MIXES[mix]) == set(FAMILIES)
    seen = Counter(galaxy.family for galaxy in skies[mix])
    for family, share in MIXES[mix].items():
        assert abs(seen[family] / NUMBER - share) < 3 * math.sqrt(share * (1 - share) / NUMBER), family


def test_the_natural_sky_is_as_deep_as_galaxy_zoo_2(skies):
    z = np.percentile([galaxy.redshift for galaxy in skies["natural"]], [5, 50, 95])
    np.testing.assert_allclose(z, [0.018, 0.055, 0.114], rtol=0.12)
    assert np.median([apparent(galaxy) for galaxy in skies["natural"]]) == pytest.approx(16.1, abs=0.1)
    sizes = [half_light_kpc(g.primary) / kpc_per_arcsec(g.redshift) / 1.32 for g in skies["natural"]]
    assert np.median(sizes) == pytest.approx(2.7, abs=0.15)


def test_the_balanced_sky_is_nearer(skies):
    assert np.median([g.redshift for g in skies["balanced"]]) < np.median([g.redshift for g in skies["natural"]])


def test_every_galaxy_is_within_the_limits_of_the_sample(skies):
    for galaxy in skies["natural"] + skies["balanced"]:
        assert apparent(galaxy) + 1e-5 > 12.8
        assert apparent(galaxy) < 17 + 1e-5
        assert galaxy.redshift < 0.24
        assert 3.2 < r90_arcsec(galaxy.bodies, kpc_per_arcsec(galaxy.redshift), 1.32) < 45


def test_all_shares_of_light_sum_to_one(bodies):
    for _, body in bodies:
        parts = [part.share for part in (body.spheroid, body.disc) if part is not None]
        parts += [shell.share for shell in body.shells]
        assert sum(parts) == pytest.approx(1)
        assert min(parts) > 0
        stars = [body.spheroid.stars] if body.spheroid is not None else []
        if body.disc is not None:
            stars += [body.disc.old_stars, body.disc.young_stars]
            assert not body.disc.knots or sum(knot.share for knot in body.disc.knots) == pytest.approx(1)
        for shares in stars:
            assert sum(shares) == pytest.approx(1)
            assert min(shares) >= 0


def test_every_disc_is_possible(discs):
    for _, disc in discs:
        assert 0.5 < disc.h_kpc < 15
        assert 0 <= disc.inclination_deg <= 90
        assert disc.thickness <= disc.q <= 1
        assert math.cos(math.radians(disc.inclination_deg)) <= disc.q + 1e-12
        assert 0 <= disc.kind <= 1
        assert 0 <= disc.young_share <= 0.75
        assert 0 <= disc.hole_depth < 1
        assert 0 <= disc.knot_share < 0.3
        assert 0 <= disc.lopsided < 1
        assert 0 <= disc.mottle < 1
        assert disc.dust >= 0
        assert disc.sense in (-1, 1)
        assert 0 <= disc.texture_seed < 2**62


def test_every_structure_is_possible(discs):
    for _, disc in discs:
        for arm in (*disc.arms, *disc.tails):
            assert 3 < arm.pitch_deg < 60
            assert arm.width > 0
            assert arm.amplitude > 0
            assert 0 < arm.r_in < arm.r_out
        for ring in disc.rings:
            assert 0 < ring.width < ring.radius
            assert ring.share_old + ring.share_young < 1
        for knot in disc.knots:
            assert 0 <= min(knot.place) <= max(knot.place) < 1
        if disc.bar is not None:
            assert 0 < disc.bar.share < 0.3
            assert 0 < disc.bar.q < 1
            assert disc.bar.length < 1.6
            assert not disc.bar.ansae or disc.bar.strong


def test_every_spheroid_is_possible(bodies):
    for _, body in bodies:
        if body.spheroid is not None:
            assert 0.8 <= body.spheroid.n <= 7
            assert 0.1 < body.spheroid.q <= 1
            assert 0.05 < body.spheroid.r_e_kpc < 40


def test_what_the_families_are(skies):
    for galaxy in skies["natural"] + skies["balanced"]:
        disc = galaxy.primary.disc
        assert len(galaxy.bodies) == (2 if galaxy.family == "merger" else 1)
        assert (galaxy.lens is not None) == (galaxy.family == "lens")
        assert (galaxy.artifact is not None) == (galaxy.family == "artifact")
        assert (galaxy.merging != "none") == (galaxy.family in ("merger", "disturbed"))
        assert disc is None or galaxy.family not in ("elliptical", "lens")
        if galaxy.family in ("spiral", "ringed"):
            assert disc.arms
            assert disc.young_share > 0
        if galaxy.family == "lenticular":
            assert (disc.arms, disc.knots, disc.young_share, disc.dust) == ((), (), 0.0, 0.0)
        if galaxy.family == "ringed":
            assert disc.rings
        if galaxy.family == "irregular":
            assert not disc.arms
            assert disc.mottle >= 0.4
        if galaxy.family == "disturbed":
            assert disc.tails if disc is not None else 2 <= len(galaxy.primary.shells) <= 5


def test_discs_are_drawn_from_the_side_when_they_are(discs):
    for family, disc in discs:
        steep = disc.inclination_deg > 77
        if family in ("merger", "disturbed"):
            assert not steep
            assert disc.q >= 0.25
        elif family != "irregular":
            assert (disc.edge_on is not None) == steep
        if family == "irregular":
            assert disc.edge_on is None


def test_inclinations_are_isotropic(discs):
    cos = [math.cos(math.radians(d.inclination_deg)) for family, d in discs if family in ("spiral", "lenticular")]
    assert np.mean(cos) == pytest.approx(0.5, abs=3 / math.sqrt(12 * len(cos)))
    assert np.std(cos) == pytest.approx(1 / math.sqrt(12), rel=0.05)


def test_bars_and_arm_numbers_of_spirals(discs):
    spirals = [disc for family, disc in discs if family == "spiral"]
    strengths = Counter("none" if d.bar is None else "strong" if d.bar.strong else "weak" for d in spirals)
    for strength, share in {"none": 0.52, "weak": 0.28, "strong": 0.20}.items():
        sigma = math.sqrt(share * (1 - share) / len(spirals))
        assert abs(strengths[strength] / len(spirals) - share) < 3 * sigma
    unbarred = [disc for disc in spirals if disc.bar is None]
    for number, share in {1: 0.05, 2: 0.50, 3: 0.12, 4: 0.07}.items():
        seen = sum(len(disc.arms) == number and not disc.flocculent for disc in unbarred) / len(unbarred)
        assert abs(seen - share) < 3 * math.sqrt(share * (1 - share) / len(unbarred)), number


def test_late_spirals_are_looser_younger_and_have_smaller_bulges(skies):
    spirals = [g.primary for g in skies["natural"] if g.family == "spiral"]
    kind = [body.disc.kind for body in spirals]
    pitch = [np.mean([arm.pitch_deg for arm in body.disc.arms]) for body in spirals]
    for values, sign in ((pitch, 1), ([b.disc.young_share for b in spirals], 1), ([b.disc.share for b in spirals], 1)):
        assert sign * np.corrcoef(kind, values)[0, 1] > 0.4
    assert np.polyfit(kind, pitch, 1) == pytest.approx([9.5, 7.5], abs=1.2)


def test_flocculent_discs_keep_faint_arms(discs):
    spirals = [disc for family, disc in discs if family == "spiral"]
    height = {f: np.median([d.arms[0].amplitude for d in spirals if d.flocculent == f]) for f in (False, True)}
    assert height[True] / height[False] == pytest.approx(0.16, rel=0.2)
    assert min(disc.patchiness for disc in spirals if disc.flocculent) >= 0.6


def test_two_arms_leave_the_ends_of_a_strong_bar(discs):
    away = []
    for family, disc in discs:
        if family == "spiral" and disc.bar is not None and disc.bar.strong and len(disc.arms) == 2:
            away += [math.cos(2 * (arm.angle - disc.bar.angle)) for arm in disc.arms]
            assert 0.9 <= disc.arms[0].r_in / disc.bar.length <= 1.1
    assert np.mean(away) > 0.9


def test_luminous_galaxies_are_larger(skies):
    for family in ("elliptical", "spiral"):
        drawn = [galaxy.primary for galaxy in skies["natural"] if galaxy.family == family]
        sizes = [math.log10(half_light_kpc(body)) for body in drawn]
        slope = np.polyfit([body.magnitude for body in drawn], sizes, 1)[0]
        assert slope == pytest.approx(-0.26 if family == "elliptical" else -0.10, abs=0.02)


def test_companions_are_fainter_and_near(skies):
    for galaxy in skies["balanced"]:
        if galaxy.family == "merger":
            primary, companion = galaxy.bodies
            apart = math.hypot(companion.x_kpc, companion.y_kpc)
            assert companion.magnitude >= primary.magnitude
            assert 0.5 <= apart / (0.75 * (half_light_kpc(primary) + half_light_kpc(companion))) <= 1.9
