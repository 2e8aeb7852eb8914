import numpy as np
import pytest

from selfsup.sky.cosmology import distance_modulus
from selfsup.sky.seds import EVOLUTION, POPULATIONS, ZERO_POINT, fluxes, relative_magnitude

SDSS_G, SDSS_R = 4686.0, 6166.0


def only(population):
    return [float(name == population) for name in POPULATIONS]


def k_correction(population, angstrom, z):
    """K = m - M - DM in a band, evolution removed (Hogg et al. 2002)."""
    apparent = ZERO_POINT - 2.5 * np.log10(fluxes(-21.0, only(population), [angstrom], z)[0])
    absolute = -21.0 + relative_magnitude(angstrom)[POPULATIONS.index(population)]
    return apparent - absolute - distance_modulus(z) - EVOLUTION * z


@pytest.mark.parametrize(("population", "in_g", "in_r"), [("E", 0.22, 0.15), ("Sbc", 0.15, 0.09), ("Scd", 0.08, 0.04)])
def test_k_corrections_at_a_tenth(population, in_g, in_r):
    assert k_correction(population, SDSS_G, 0.1) == pytest.approx(in_g, abs=0.03)
    assert k_correction(population, SDSS_R, 0.1) == pytest.approx(in_r, abs=0.03)


@pytest.mark.parametrize(("population", "colour"), [("E", 0.78), ("Sbc", 0.58), ("Scd", 0.41)])
def test_rest_frame_g_minus_r(population, colour):
    g, r = relative_magnitude(np.array([SDSS_G, SDSS_R]))[POPULATIONS.index(population)]
    assert g - r == pytest.approx(colour, abs=0.03)


def test_early_populations_are_redder_at_every_redshift():
    for z in (0.01, 0.1, 0.5, 1.0):
        blue, red = zip(*(fluxes(-21.0, only(name), [SDSS_G, SDSS_R], z) for name in POPULATIONS[:4]), strict=True)
        assert (np.diff(np.array(red) / np.array(blue)) < 0).all()


def test_light_of_mixed_populations_adds_up():
    bands = [4686.0, 6166.0, 7480.0]
    mixed = fluxes(-20.0, [0.6, 0.0, 0.4, 0.0, 0.0], bands, 0.2)
    parts = 0.6 * fluxes(-20.0, only("E"), bands, 0.2) + 0.4 * fluxes(-20.0, only("Scd"), bands, 0.2)
    np.testing.assert_allclose(mixed, parts, rtol=1e-12)


def test_zero_point_of_the_definition():
    """A nanomaggy is 22.5 mag: at its own wavelength an E galaxy has M + DM + e z - 2.5 lg(1 + z)."""
    z = 0.3
    flux = fluxes(-21.0, only("E"), [6230 * (1 + z)], z)[0]
    expected = -21.0 + distance_modulus(z) + EVOLUTION * z - 2.5 * np.log10(1 + z)
    assert 22.5 - 2.5 * np.log10(flux) == pytest.approx(expected, abs=1e-9)
