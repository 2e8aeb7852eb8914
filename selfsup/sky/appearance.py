"""How large, how bright and how well resolved a galaxy is for one survey at one redshift: what images and votes need.

The field of view follows Galaxy Zoo: 424 pixels of 0.02 Petrosian R90 (Willett et al. 2013, section 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfsup.sky.cosmology import kpc_per_arcsec
from selfsup.sky.galaxy import Body, Galaxy
from selfsup.sky.seds import fluxes
from selfsup.sky.survey import Survey

FRAME_R90 = 8.48
"""Edge of a Galaxy Zoo 2 image in R90: 424 px of 0.02 R90 each."""
_R90_PER_HALF_LIGHT = 1.85
"""Calibrated on the light profiles of real images; 2.3 would be that of an exponential disc without a sky limit."""
HALF_LIGHT_H = 1.678
"""Half-light radius of an exponential disc, in scale lengths."""
_FARTHEST = 1.3
"""Redshift beyond which `redshift_factor` moves nothing."""


@dataclass(frozen=True)
class Appearance:
    """A galaxy as a survey receives it, before noise.

    Args:
        redshift: that it is seen at.
        kpc_per_arcsec: there.
        flux: (3,) nanomaggies of all bodies, without dust.
        half_light_arcsec: of the primary, along its major axis.
        q: axis ratio of the primary.
        r90_arcsec: of the whole, with the seeing.
        fwhm_arcsec: of the green band.
        signal_to_noise: of a feature of the galaxy, in the green band.
    """

    redshift: float
    kpc_per_arcsec: float
    flux: np.ndarray
    half_light_arcsec: float
    q: float
    r90_arcsec: float
    fwhm_arcsec: float
    signal_to_noise: float

    @property
    def resolution(self) -> float:
        """Half-light radius in full widths of the point-spread function."""
        return self.half_light_arcsec / self.fwhm_arcsec

    @property
    def frame_arcsec(self) -> float:
        """Edge of the Galaxy Zoo image."""
        return FRAME_R90 * self.r90_arcsec


def appear(galaxy: Galaxy, survey: Survey, redshift: float | None = None) -> Appearance:
    """Put a galaxy before a survey, at this redshift or at its own times the survey's factor."""
    z = redshift if redshift is not None else seen_at(galaxy, survey)
    scale = kpc_per_arcsec(z)
    flux = np.sum([body_flux(body, survey, z) for body in galaxy.bodies], axis=0)
    half_light, q = half_light_kpc(galaxy.primary) / scale, axis_ratio(galaxy.primary)
    fwhm = survey.fwhm_arcsec[1]
    r90 = r90_arcsec(galaxy.bodies, scale, fwhm)
    signal = _signal_to_noise(float(flux[1]), half_light, q, survey)
    return Appearance(z, scale, flux, half_light, q, r90, fwhm, signal)


def seen_at(galaxy: Galaxy, survey: Survey) -> float:
    """The redshift at which a survey shows this galaxy where none is asked for."""
    return max(galaxy.redshift, min(galaxy.redshift * survey.redshift_factor, _FARTHEST))


def body_flux(body: Body, survey: Survey, z: float) -> np.ndarray:
    """(3,) nanomaggies of one body without its dust."""
    total = np.zeros(3)
    for share, stars in _populations(body):
        total += share * fluxes(body.magnitude, stars, survey.wavelength_angstrom, z)
    return total


def half_light_kpc(body: Body) -> float:
    """Half-light radius of the disc, or of the spheroid where there is none."""
    if body.disc is not None:
        return HALF_LIGHT_H * body.disc.h_kpc
    if body.spheroid is None:
        raise ValueError("a body without disc or spheroid")
    return body.spheroid.r_e_kpc


def absolute_magnitude(bodies: Sequence[Body]) -> float:
    """Of the light of all bodies."""
    return -2.5 * math.log10(sum(10 ** (-0.4 * body.magnitude) for body in bodies))


def r90_arcsec(bodies: Sequence[Body], scale: float, fwhm: float) -> float:
    """Radius of 90 % of the light, with the seeing; that of a pair is at least 0.8 of its separation.

    Args:
        bodies: of one galaxy.
        scale: kpc per arcsecond.
        fwhm: of the point-spread function, in arcseconds.
    """
    separation = max(math.hypot(body.x_kpc, body.y_kpc) for body in bodies)
    return max(0.8 * separation / scale, *(_body_r90_arcsec(body, scale, fwhm) for body in bodies))


def axis_ratio(body: Body) -> float:
    """Of the disc, or of the spheroid where there is none."""
    if body.disc is not None:
        return body.disc.q
    return body.spheroid.q if body.spheroid is not None else 1.0


def _populations(body: Body) -> list[tuple[float, tuple[float, ...]]]:
    parts: list[tuple[float, tuple[float, ...]]] = []
    if body.spheroid is not None:
        parts.append((body.spheroid.share, body.spheroid.stars))
    if body.disc is not None:
        young = body.disc.young_share
        parts.append((body.disc.share * (1 - young), body.disc.old_stars))
        parts.append((body.disc.share * young, body.disc.young_stars))
    if body.shells and body.spheroid is not None:
        parts.append((sum(shell.share for shell in body.shells), body.spheroid.stars))
    return parts


def _body_r90_arcsec(body: Body, scale: float, fwhm: float) -> float:
    edge_on = body.disc is not None and body.disc.edge_on is not None
    shape = 0.62 if edge_on else math.sqrt(axis_ratio(body))
    return math.hypot(_R90_PER_HALF_LIGHT * half_light_kpc(body) * shape / scale, 0.7 * fwhm)


def _signal_to_noise(flux: float, half_light_arcsec: float, q: float, survey: Survey) -> float:
    """Of a feature as large as the blur or a third of the galaxy: per blur element, every sharp image were smooth."""
    pixel = survey.pixel_arcsec
    area = max(2.266 * (survey.fwhm_arcsec[1] / pixel) ** 2, math.pi * (0.35 * half_light_arcsec / pixel) ** 2)
    half_light_area = math.pi * half_light_arcsec**2 * q / pixel**2
    sigma = survey.noise_sigma()[1]
    return 0.5 * flux * min(1.0, area / half_light_area) / (sigma * math.sqrt(area))
