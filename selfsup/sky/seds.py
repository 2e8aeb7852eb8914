"""Colours of stellar populations, and how they shift with redshift: no galaxy has a colour of its own.

Magnitudes (AB, f_nu) relative to 6230 angstrom in the rest frame, linear in the logarithm of the wavelength, after the
templates of Coleman, Wu and Weedman 1980 and the colours of Fukugita et al. 1995; HII is a star-forming region with
its H-alpha line. Reading the template at the emitted wavelength is the K-correction; luminosities evolve linearly with
redshift as in FERENGI (Barden et al. 2008).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selfsup.sky.cosmology import distance_modulus
from selfsup.sky.galaxy import Stars

POPULATIONS = ("E", "Sbc", "Scd", "Im", "HII")
EVOLUTION = -1.0
"""Magnitudes per unit redshift: galaxies were brighter."""
ZERO_POINT = 22.5
"""AB magnitude of one nanomaggy."""

_ANGSTROM = (1500, 2200, 2800, 3300, 3800, 4050, 4500, 4770, 5500, 6230, 7000, 7630, 9130, 10500, 12500, 16500)
_MAGNITUDES = np.array(
    [
        [5.3, 5.4, 4.4, 2.85, 1.98, 1.33, 0.92, 0.76, 0.33, 0, -0.22, -0.39, -0.66, -0.85, -1.10, -1.45],
        [3.0, 2.9, 2.6, 1.9, 1.45, 1.00, 0.70, 0.56, 0.25, 0, -0.17, -0.30, -0.50, -0.65, -0.85, -1.10],
        [1.7, 1.7, 1.6, 1.35, 1.05, 0.72, 0.50, 0.40, 0.19, 0, -0.12, -0.20, -0.34, -0.45, -0.60, -0.75],
        [0.45, 0.55, 0.65, 0.68, 0.60, 0.33, 0.22, 0.16, 0.08, 0, -0.03, -0.06, -0.10, -0.12, -0.15, -0.20],
        [-0.1, 0, 0.1, 0.15, 0.15, 0.10, 0.05, -0.05, 0.25, 0, 0.20, 0.30, 0.35, 0.4, 0.4, 0.4],
    ]
)
_LOG_ANGSTROM = np.log(_ANGSTROM)


def relative_magnitude(angstrom: np.ndarray | float) -> np.ndarray:
    """(...,) rest-frame wavelengths -> (5, ...) magnitudes of each population relative to 6230 angstrom."""
    log = np.log(angstrom)
    return np.stack([np.interp(log, _LOG_ANGSTROM, row) for row in _MAGNITUDES])


def fluxes(magnitude: float, stars: Stars | Sequence[float], angstrom: Sequence[float], z: float) -> np.ndarray:
    """What a survey receives of a body.

    Args:
        magnitude: absolute, AB, rest-frame r.
        stars: shares of its light, of the populations.
        angstrom: effective wavelengths of the bands, observed.
        z: redshift.

    Returns:
        (bands,) nanomaggies: 10^(0.4 (22.5 - m)), m = M + DM(z) + sed(lambda / (1 + z)) - 2.5 lg(1 + z) + e z.
    """
    relative = 10 ** (-0.4 * relative_magnitude(np.asarray(angstrom, dtype=float) / (1 + z)))
    at_6230 = magnitude + distance_modulus(z) - 2.5 * np.log10(1 + z) + EVOLUTION * z
    received: np.ndarray = 10 ** (0.4 * (ZERO_POINT - at_6230)) * (np.asarray(stars) @ relative)
    return received
