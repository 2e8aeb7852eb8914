import math

import pytest
from scipy.integrate import quad

from selfsup.sky.cosmology import H0, OMEGA_M, comoving_mpc, distance_modulus, kpc_per_arcsec


# astropy.cosmology.FlatLambdaCDM(H0=70, Om0=0.3)
@pytest.mark.parametrize(("z", "modulus", "scale"), [(0.1, 38.31, 1.844), (1.0, 44.10, 8.008)])
def test_distances_are_those_of_astropy(z, modulus, scale):
    assert distance_modulus(z) == pytest.approx(modulus, abs=0.006)
    assert kpc_per_arcsec(z) == pytest.approx(scale, abs=0.001)


@pytest.mark.parametrize("z", [0.001, 0.05, 0.5, 3.0])
def test_quadrature_is_exact(z):
    slow, _ = quad(lambda at: 1 / math.sqrt(OMEGA_M * (1 + at) ** 3 + 1 - OMEGA_M), 0, z, epsabs=0, epsrel=1e-12)
    assert comoving_mpc(z) == pytest.approx(299_792.458 / H0 * slow, rel=1e-9)


def test_nearby_the_law_of_hubble_holds():
    assert comoving_mpc(1e-4) == pytest.approx(299_792.458 * 1e-4 / H0, rel=1e-4)


def test_luminosity_and_angular_distances_differ_by_their_two_factors():
    z = 0.7
    luminosity_mpc = 10 ** ((distance_modulus(z) - 25) / 5)
    angular_mpc = kpc_per_arcsec(z) / 1e3 * 648_000 / math.pi
    assert luminosity_mpc / angular_mpc == pytest.approx((1 + z) ** 2)
