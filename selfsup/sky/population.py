"""Which galaxies there are: their families, and how far away each must be to be in a catalogue of images.

A family is drawn, then its bodies, then an apparent magnitude from galaxy counts N(< m) ~ 10^(s m), which puts it at a
distance; that is drawn anew until the galaxy passes limits like those of Galaxy Zoo 2 (Willett et al. 2013, section 2).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from selfsup.sky import streams
from selfsup.sky.appearance import absolute_magnitude, r90_arcsec
from selfsup.sky.body_population import body, disturbed, merger
from selfsup.sky.cosmology import distance_modulus, kpc_per_arcsec
from selfsup.sky.galaxy import Artifact, ArtifactKind, Body, Galaxy, Lens, Merging
from selfsup.sky.streams import pick
from selfsup.spelling import nearest
from selfsup.types import ConfigError

MIXES: dict[str, dict[str, float]] = {
    "natural": {
        "elliptical": 0.26,
        "lenticular": 0.17,
        "spiral": 0.43,
        "irregular": 0.035,
        "merger": 0.03,
        "disturbed": 0.035,
        "ringed": 0.02,
        "lens": 0.004,
        "artifact": 0.016,
    },
    "balanced": {
        "elliptical": 0.14,
        "lenticular": 0.11,
        "spiral": 0.46,
        "irregular": 0.06,
        "merger": 0.07,
        "disturbed": 0.05,
        "ringed": 0.05,
        "lens": 0.02,
        "artifact": 0.04,
    },
}
"""Shares of the families: as galaxies come, and with enough of the rare ones to learn them."""
_COUNT_SLOPES = {"natural": 0.5, "balanced": 0.3}
"""s of N(< m) ~ 10^(s m); smaller is nearer and better resolved."""
_FAINTEST_MAG, _BRIGHTEST_MAG, _FARTHEST = 17.0, 12.8, 0.24
_R90_ARCSEC = (3.2, 45.0)
_FWHM_ARCSEC = 1.32
"""Of the SDSS r band, in which the sample is chosen."""
_MEAN_K = 0.1
"""K-correction that takes the apparent magnitude to a distance; the galaxy's own follows from its stars."""
_TRIES = 40

_SPOILT = {"spiral": 0.5, "elliptical": 0.3, "lenticular": 0.2}
"""What an artifact hides."""
_ARTIFACTS: dict[ArtifactKind, float] = {"star": 1, "missing": 1, "trail": 1, "misregistered": 1, "column": 1}


def draw(seed: int, index: int, mix: str) -> Galaxy:
    """The galaxy of this number in this sky, whatever was drawn before.

    Args:
        seed: of the sky.
        index: in the sky.
        mix: of the families, one of `MIXES`.

    Raises:
        ConfigError: there is no such mix.
    """
    if mix not in MIXES:
        raise ConfigError(f"mix={mix}: write {' or '.join(MIXES)}{nearest(mix, list(MIXES))}")
    rng = streams.intrinsic(seed, index)
    family = pick(rng, MIXES[mix])
    bodies, merging, z = _placed(rng, family, _COUNT_SLOPES[mix])
    lens = _lens(rng, bodies, z) if family == "lens" else None
    artifact = _artifact(rng) if family == "artifact" else None
    return Galaxy(seed, index, family, z, bodies, merging, lens, artifact)


def _placed(rng: np.random.Generator, family: str, slope: float) -> tuple[tuple[Body, ...], Merging, float]:
    """Bodies and the redshift at which they pass; one in a thousand passes nowhere, and others take its place."""
    while True:
        bodies, merging = _bodies(rng, family)
        z = _redshift(rng, bodies, slope)
        if z is not None:
            return bodies, merging, z


def _bodies(rng: np.random.Generator, family: str) -> tuple[tuple[Body, ...], Merging]:
    if family == "merger":
        return merger(rng), "merger"
    if family == "disturbed":
        return disturbed(rng)
    if family == "lens":
        return (body(rng, "elliptical"),), "none"
    return (body(rng, pick(rng, _SPOILT) if family == "artifact" else family),), "none"


def _redshift(rng: np.random.Generator, bodies: tuple[Body, ...], slope: float) -> float | None:
    """Where the galaxy is in the sample; None if no try put it there."""
    magnitude = absolute_magnitude(bodies)
    for _ in range(_TRIES):
        apparent = _FAINTEST_MAG + math.log10(1 - rng.random()) / slope
        z = _redshift_of(apparent - magnitude - _MEAN_K)
        r90 = r90_arcsec(bodies, kpc_per_arcsec(z), _FWHM_ARCSEC)
        if apparent > _BRIGHTEST_MAG and z < _FARTHEST and _R90_ARCSEC[0] < r90 < _R90_ARCSEC[1]:
            return z
    return None


def _redshift_of(modulus: float) -> float:
    """Inverse of `distance_modulus`, within a millionth."""
    moduli, logs = _hubble_diagram()
    return float(np.exp(np.interp(modulus, moduli, logs)))


@cache
def _hubble_diagram() -> tuple[np.ndarray, np.ndarray]:
    """Distance moduli and logarithms of the redshifts from 1e-4 to 1, which are nearly proportional."""
    logs = np.linspace(math.log(1e-4), 0.0, 2048)
    return np.array([distance_modulus(math.exp(log)) for log in logs]), logs


def _lens(rng: np.random.Generator, bodies: tuple[Body, ...], z: float) -> Lens:
    """Galaxies that look larger get larger Einstein radii, or nothing would be seen beside their light."""
    r90 = r90_arcsec(bodies, kpc_per_arcsec(z), _FWHM_ARCSEC)
    x, y, shear_1, shear_2 = rng.standard_normal(4).tolist()
    return Lens(
        einstein_arcsec=rng.uniform(1.2, 3.5) * max(1.0, 0.5 * r90 / 2.5),
        source_x=0.25 * x,
        source_y=0.25 * y,
        source_size=rng.uniform(0.06, 0.20),
        fainter_mag=rng.uniform(3.6, 5.2),
        shear=(0.06 * shear_1, 0.06 * shear_2),
    )


def _artifact(rng: np.random.Generator) -> Artifact:
    a, b, c, d = rng.random(4).tolist()
    return Artifact(pick(rng, _ARTIFACTS), (a, b, c, d))
