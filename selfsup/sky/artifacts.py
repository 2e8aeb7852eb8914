"""What makes an image useless to volunteers: a bright star, missing data, a satellite, shifted colours, a bad column.

Galaxy Zoo asks for these with its answer "star or artifact" (Willett et al. 2013, table 2). All numbers of the model
are here; the four in an `Artifact` choose among them.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from selfsup.sky.galaxy import Artifact
from selfsup.sky.optics import FWHM_PER_SIGMA, moffat_scale
from selfsup.sky.seds import ZERO_POINT
from selfsup.sky.survey import MEAN, Survey

_STAR_MAG = (13.5, 10.5)
_STAR_PLACE = 0.35
"""Farthest from the centre, in edges of the picture."""
_HALO_SHARE, _HALO_ARCSEC = 0.06, 7.0
_SPIKE_SHARE, _SPIKE_ARCSEC, _SPIKE_FWHM = 0.012, 9.0, 0.5
"""Of one pair of spikes: share of the light, exponential length, and thickness in widths of the blur."""
_STAR_COLOUR = (1.2, 1.0, 0.68)
_MISSING_SHARE = (0.15, 0.65)
_TRAIL_ARCSEC = (0.15, 0.5)
_TRAIL_SIGMAS = (8.0, 60.0)
_TRAIL_ONE_BAND = 0.6
_SHIFT_ARCSEC = (0.8, 3.3)
_COLUMN_SIGMAS = (60.0, 600.0)
_COLUMN_PX = (1.0, 3.0)


def misregistration(artifact: Artifact) -> np.ndarray:
    """Shift of the bands along x and y -> (3, 2) arcsec; none unless the artefact is one of registration."""
    shift = np.zeros((3, 2))
    if artifact.kind == "misregistered":
        length, turn, split, second = artifact.numbers
        size = _between(_SHIFT_ARCSEC, length)
        shift[0] = size * np.array([math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)])
        other = 2 * math.pi * (turn + 0.25 + 0.5 * split)
        shift[2] = second * size * np.array([math.cos(other), math.sin(other)])
    return shift


def apply(flux: Tensor, artifact: Artifact, pixel_arcsec: float, survey: Survey) -> Tensor:
    """Put an artefact on an image.

    Args:
        flux: (3, n, n) nanomaggies per native pixel, with its noise.
        artifact: of any kind; "misregistered" is done by `misregistration` before the blur, and nothing is left to do.
        pixel_arcsec: of the picture.
        survey: that took it.

    Returns:
        (3, n, n).
    """
    if artifact.kind == "star":
        return flux + _star(artifact, flux.shape[-1], pixel_arcsec, survey).to(flux.device)
    if artifact.kind == "missing":
        return flux.masked_fill(_missing(artifact, flux.shape[-1]).to(flux.device), 0)
    if artifact.kind == "trail":
        return flux + _trail(artifact, flux.shape[-1], pixel_arcsec, survey).to(flux.device)
    if artifact.kind == "column":
        return torch.maximum(flux, _column(artifact, flux.shape[-1], pixel_arcsec, survey).to(flux.device))
    return flux


def _star(artifact: Artifact, size: int, pixel: float, survey: Survey) -> Tensor:
    """A star with a halo and four spikes."""
    right, up, magnitude, turn = artifact.numbers
    axis = _axis(size) * pixel
    place = 2 * _STAR_PLACE * size * pixel
    x, y = axis[None, :] - place * (right - 0.5), axis[:, None] - place * (up - 0.5)
    flux = 10 ** (0.4 * (ZERO_POINT - _between(_STAR_MAG, magnitude))) * survey.pixel_arcsec**2
    shape = torch.exp(-torch.hypot(x, y) / _HALO_ARCSEC) * (_HALO_SHARE / (2 * math.pi * _HALO_ARCSEC**2))
    sigma = _width(_SPIKE_FWHM * survey.fwhm_arcsec[1] / FWHM_PER_SIGMA, pixel)
    cos, sin = math.cos(0.5 * math.pi * turn), math.sin(0.5 * math.pi * turn)
    for u, v in ((x * cos + y * sin, y * cos - x * sin), (y * cos - x * sin, x * cos + y * sin)):
        peak = _SPIKE_SHARE / (math.sqrt(2 * math.pi) * sigma * 2 * _SPIKE_ARCSEC)
        shape = shape + peak * torch.exp(-u.abs() / _SPIKE_ARCSEC - 0.5 * (v / sigma) ** 2)
    fwhm = torch.tensor(survey.fwhm_arcsec)[:, None, None].clamp_min(2 * pixel)
    beta = survey.moffat_beta
    a2 = moffat_scale(fwhm, beta) ** 2
    core = (beta - 1) / (math.pi * a2) * (1 + (x * x + y * y) / a2) ** -beta
    colour = torch.tensor(_STAR_COLOUR)[:, None, None]
    return colour * (flux * (core * (1 - _HALO_SHARE - 2 * _SPIKE_SHARE) + shape))


def _missing(artifact: Artifact, size: int) -> Tensor:
    """(n, n) bool: a part of the image along one edge, cut off a little askew."""
    share, side, tilt, _ = artifact.numbers
    turn = 0.5 * math.pi * int(4 * side) + 0.3 * (tilt - 0.5)
    axis = _axis(size)
    depth = axis[None, :] * math.cos(turn) + axis[:, None] * math.sin(turn)
    return depth > torch.quantile(depth, 1 - _between(_MISSING_SHARE, share))


def _trail(artifact: Artifact, size: int, pixel: float, survey: Survey) -> Tensor:
    """A straight line right across: in one band where the bands are exposed one after another."""
    turn, place, width, strength = artifact.numbers
    axis = _axis(size) * pixel
    across = axis[:, None] * math.cos(math.pi * turn) - axis[None, :] * math.sin(math.pi * turn)
    across = across - 0.6 * (place - 0.5) * size * pixel
    blur = math.hypot(_between(_TRAIL_ARCSEC, width), survey.fwhm_arcsec[1] / FWHM_PER_SIGMA)
    line = torch.exp(-0.5 * (across / _width(blur, pixel)) ** 2)
    bands = torch.ones(3)
    if strength < _TRAIL_ONE_BAND:
        bands = torch.zeros(3)
        bands[_camera_band(strength / _TRAIL_ONE_BAND, survey)] = 1
    height = _between(_TRAIL_SIGMAS, (7 * strength) % 1) * torch.tensor(survey.noise_sigma())
    return (bands * height)[:, None, None] * line


def _column(artifact: Artifact, size: int, pixel: float, survey: Survey) -> Tensor:
    """A saturated column of the camera, in one band."""
    place, width, band, strength = artifact.numbers
    sigma = _width(_between(_COLUMN_PX, width) * survey.pixel_arcsec / FWHM_PER_SIGMA, pixel) / pixel
    line = torch.exp(-0.5 * ((_axis(size) - 0.7 * (place - 0.5) * size) / sigma) ** 2)
    image = torch.full((3, size, size), -math.inf)
    chosen = _camera_band(band, survey)
    column = _between(_COLUMN_SIGMAS, strength) * survey.noise_sigma()[chosen] * line
    image[chosen] = torch.where(line > 0.01, column, -math.inf)
    return image


def _camera_band(share: float, survey: Survey) -> int:
    """One of the bands that the camera itself takes."""
    taken = (0, 2) if survey.bands[1] == MEAN else (0, 1, 2)
    return taken[int(len(taken) * share)]


def _axis(size: int) -> Tensor:
    """(n,) pixels from the centre."""
    return torch.arange(size, dtype=torch.float32) - 0.5 * (size - 1)


def _width(sigma_arcsec: float, pixel: float) -> float:
    """No line is drawn thinner than the picture can show."""
    return max(sigma_arcsec, 0.6 * pixel)


def _between(limits: tuple[float, float], share: float) -> float:
    return limits[0] + share * (limits[1] - limits[0])
