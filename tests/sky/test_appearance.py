import dataclasses

import numpy as np
import pytest

from selfsup.sky.appearance import absolute_magnitude, appear, r90_arcsec, seen_at
from selfsup.sky.cosmology import distance_modulus, kpc_per_arcsec
from selfsup.sky.galaxy import Body, Galaxy, Spheroid
from selfsup.sky.population import draw
from selfsup.sky.seds import EVOLUTION

STARS = (1.0, 0.0, 0.0, 0.0, 0.0)


@pytest.fixture
def elliptical():
    spheroid = Spheroid(1.0, 4.0, 4.0, 0.64, 0.0, 2.0, 0.0, STARS)
    return Galaxy(0, 0, "elliptical", 0.05, (Body(-21.0, 0.0, 0.0, spheroid, None),), "none")


def luminosity_distance(z):
    return 10 ** (distance_modulus(z) / 5)


def shifted(survey, factor):
    r, g, b = survey.wavelength_angstrom
    return dataclasses.replace(survey, wavelength_angstrom=(r * factor, g * factor, b * factor))


@pytest.mark.parametrize(("low", "high"), [(0.02, 0.1), (0.05, 0.8)])
def test_sizes_shrink_as_in_ferengi(survey, elliptical, low, high):
    """Barden et al. 2008: the magnification between two redshifts."""
    law = luminosity_distance(low) / luminosity_distance(high) * (1 + high) ** 2 / (1 + low) ** 2
    sizes = [appear(elliptical, survey, z).half_light_arcsec for z in (low, high)]
    assert sizes[1] / sizes[0] == pytest.approx(law, rel=1e-9)


def test_fluxes_fall_as_in_ferengi(survey, elliptical):
    """With the squared distance, per unit frequency, where the bands follow the light (no K-correction)."""
    low, high = 0.02, 0.5
    near = appear(elliptical, shifted(survey, 1 + low), low).flux
    far = appear(elliptical, shifted(survey, 1 + high), high).flux
    law = (luminosity_distance(low) / luminosity_distance(high)) ** 2 * (1 + high) / (1 + low)
    np.testing.assert_allclose(far / near, law * 10 ** (-0.4 * EVOLUTION * (high - low)), rtol=1e-9)


def test_surface_brightness_dims_as_the_fourth_power(survey, elliptical):
    """Tolman's law, less one power because fluxes are per unit frequency."""
    low, high = 0.02, 0.5
    near, far = (appear(elliptical, shifted(survey, 1 + z), z) for z in (low, high))
    dimming = (far.flux / far.half_light_arcsec**2) / (near.flux / near.half_light_arcsec**2)
    law = ((1 + low) / (1 + high)) ** 3 * 10 ** (-0.4 * EVOLUTION * (high - low))
    np.testing.assert_allclose(dimming, law, rtol=1e-9)


def test_what_is_smaller_than_the_seeing_has_the_radius_of_the_seeing(elliptical):
    scale = kpc_per_arcsec(1.0)
    assert r90_arcsec(elliptical.bodies, scale, 20.0) == pytest.approx(14.0, rel=0.01)
    assert r90_arcsec(elliptical.bodies, scale, 0.0) == pytest.approx(1.85 * 4.0 * 0.8 / scale)


def test_a_wide_pair_is_framed_whole(elliptical):
    companion = dataclasses.replace(elliptical.primary, x_kpc=30.0, y_kpc=40.0)
    assert r90_arcsec((elliptical.primary, companion), 1.0, 1.3) == pytest.approx(40.0)


def test_two_alike_are_three_quarters_of_a_magnitude_brighter(elliptical):
    assert absolute_magnitude(elliptical.bodies) == pytest.approx(-21.0)
    assert absolute_magnitude(elliptical.bodies * 2) == pytest.approx(-21.0 - 2.5 * np.log10(2))


def test_all_light_is_counted(survey):
    """Bulge, old disc, young disc and shells have a share each: the whole lies between the bluest and the reddest."""
    for index in range(60):
        galaxy = draw(4, index, "balanced")
        flux = appear(galaxy, survey, 0.05).flux[1]
        magnitude = absolute_magnitude(galaxy.bodies)
        assert 22.5 - 2.5 * np.log10(flux) == pytest.approx(magnitude + distance_modulus(0.05), abs=0.12)


def test_deeper_surveys_see_farther_but_not_without_end(survey, elliptical):
    deep = dataclasses.replace(survey, redshift_factor=4.0)
    assert seen_at(elliptical, survey) == 0.05
    assert seen_at(elliptical, deep) == pytest.approx(0.2)
    assert seen_at(dataclasses.replace(elliptical, redshift=0.9), deep) == 1.3
    assert seen_at(dataclasses.replace(elliptical, redshift=1.5), deep) == 1.5


def test_farther_is_noisier_and_less_resolved(survey, elliptical):
    seen = [appear(elliptical, survey, z) for z in (0.03, 0.1, 0.3)]
    assert seen[0].signal_to_noise > seen[1].signal_to_noise > seen[2].signal_to_noise
    assert seen[0].resolution > seen[1].resolution > seen[2].resolution
    assert seen[0].frame_arcsec == pytest.approx(8.48 * seen[0].r90_arcsec)
