"""Distances in a flat universe with a cosmological constant: H0 = 70 km/s/Mpc, Omega_m = 0.3 (Hogg 1999)."""

from __future__ import annotations

import math

import numpy as np

H0, OMEGA_M = 70.0, 0.3
_HUBBLE_DISTANCE_MPC = 299_792.458 / H0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


def comoving_mpc(z: float) -> float:
    """Line-of-sight comoving distance (Hogg 1999, equation 15), by Gauss-Legendre quadrature."""
    at = 0.5 * z * (_NODES + 1)
    inverse_e = 1 / np.sqrt(OMEGA_M * (1 + at) ** 3 + 1 - OMEGA_M)
    return float(_HUBBLE_DISTANCE_MPC * 0.5 * z * (_WEIGHTS @ inverse_e))


def distance_modulus(z: float) -> float:
    """Of the luminosity distance, in magnitudes (equations 21 and 25)."""
    return 5 * math.log10((1 + z) * comoving_mpc(z)) + 25


def kpc_per_arcsec(z: float) -> float:
    """Transverse proper length that an arcsecond spans (equation 18)."""
    return comoving_mpc(z) / (1 + z) * 1e3 * math.pi / 648_000
