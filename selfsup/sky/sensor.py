"""One exposure of the camera: the seeing and calibration of the night, and the noise of the sky and of the photons.

The depth of a survey fixes the noise of its sky (`Survey.noise_sigma`); sources add Poisson noise, as in RealSim
(Bottrell et al. 2019). Noise is drawn on the pixels of the camera and resized with the picture: enlarged pictures have
smooth noise, as real ones do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup.sky import artifacts, optics, streams
from selfsup.sky.galaxy import Galaxy
from selfsup.sky.grid import Grid
from selfsup.sky.survey import MEAN, Survey

_SEEING_BANDS = 0.015
"""Scatter of ln FWHM from band to band, beyond that of the image."""
_ELLIPTICITY = 0.03
_DEPTH_MAG = 0.15
_GAIN = 0.022
"""Scatter of the logarithm of the calibration of a band."""
_SKY_OFFSET = 0.15
"""Error of the sky's mean, in sigmas of its noise."""
_POINTING_PX = 0.5
"""Scatter of the middle of the frame about the galaxy, in native pixels along each axis; calibrated on real images."""
_FINEST = 2
"""Native pixels per pixel of the picture, along an edge, above which their noise is drawn already averaged."""


@dataclass(frozen=True)
class Exposure:
    """What the night did to one image; triples are red, green, blue.

    Args:
        fwhm: (3,) arcsec.
        ellipticity: of the blur.
        angle: of its major axis.
        noise: factor on the noise of the sky.
        gain: (3,) factor on the flux.
        pointing_arcsec: (2,) of all bands along x and y.
        shift_arcsec: (3, 2) of the bands against each other, along x and y.
        sky_offset: (3,) in sigmas of the sky.
        noise_seed: of the noise of its pixels.
    """

    fwhm: np.ndarray
    ellipticity: float
    angle: float
    noise: float
    gain: np.ndarray
    pointing_arcsec: np.ndarray
    shift_arcsec: np.ndarray
    sky_offset: np.ndarray
    noise_seed: int


def expose(seed: int, index: int, survey: Survey, epoch: int) -> Exposure:
    """The exposure that galaxy (seed, index) gets from a survey; another epoch is another night."""
    rng = streams.observation(seed, index, survey.number, epoch)
    normal = rng.standard_normal
    seeing = np.exp(survey.seeing_scatter * normal() + _SEEING_BANDS * normal(3))
    return Exposure(
        fwhm=np.asarray(survey.fwhm_arcsec) * seeing,
        ellipticity=min(abs(_ELLIPTICITY * normal()), 0.3),
        angle=float(rng.uniform(0, np.pi)),
        noise=float(10 ** (-0.4 * _DEPTH_MAG * normal())),
        gain=np.exp(_GAIN * normal(3)),
        pointing_arcsec=_POINTING_PX * survey.pixel_arcsec * normal(2),
        shift_arcsec=survey.registration_arcsec * normal((3, 2)),
        sky_offset=_SKY_OFFSET * normal(3),
        noise_seed=int(rng.integers(2**62)),
    )


def record(
    light: Tensor, galaxies: Sequence[Galaxy], exposures: Sequence[Exposure], survey: Survey, grid: Grid
) -> Tensor:
    """What the camera makes of (G, 3, M, M) nanomaggies / arcsec^2 -> (G, 3, n, n) nanomaggies per native pixel.

    Blurred, sampled, noisy, and spoiled where the galaxy comes with an artefact. Where the green band is `MEAN`, it is
    the mean of red and blue as recorded.
    """
    device = light.device
    shifts = [
        one.pointing_arcsec
        + one.shift_arcsec
        + (0 if galaxy.artifact is None else artifacts.misregistration(galaxy.artifact))
        for galaxy, one in zip(galaxies, exposures, strict=True)
    ]
    blur = [(*one.fwhm, one.ellipticity, one.angle) for one in exposures]
    numbers, shift = _tensor(blur, device), _tensor(shifts, device)
    clean = optics.blur_and_sample(light, grid, survey, numbers[:, :3], numbers[:, 3], numbers[:, 4], shift)
    flux = add_noise(clean, exposures, grid.pixel_arcsec, survey)
    for row, galaxy in enumerate(galaxies):
        if galaxy.artifact is not None:
            flux[row] = artifacts.apply(flux[row], galaxy.artifact, float(grid.pixel_arcsec[row]), survey)
    return _two_filters(flux, survey)


def add_noise(flux: Tensor, exposures: Sequence[Exposure], pixel_arcsec: Tensor, survey: Survey) -> Tensor:
    """Calibration, sky and noise.

    Args:
        flux: (G, 3, n, n) nanomaggies per native pixel, without noise.
        exposures: G of them.
        pixel_arcsec: (G,) of the picture.
        survey: whose noise; where its green band is `MEAN`, it becomes the mean of the noisy red and blue.

    Returns:
        (G, 3, n, n): variance sigma^2 + max(flux, 0) / electrons per nanomaggy, for a native pixel.
    """
    device = flux.device
    sigma = np.asarray(survey.noise_sigma()) * np.array([[one.noise] for one in exposures])
    offset = sigma * np.array([one.sky_offset for one in exposures])
    gain = _tensor([one.gain for one in exposures], device)[:, :, None, None]
    electrons = torch.tensor(survey.electrons_per_nanomaggy, device=device)[:, None, None]
    pairs = zip(exposures, pixel_arcsec.tolist(), strict=True)
    unit = torch.stack([_unit_noise(one, flux.shape[-1], pixel / survey.pixel_arcsec) for one, pixel in pairs])
    received = flux * gain
    variance = received.clamp_min(0) / electrons + _tensor(sigma**2, device)[:, :, None, None]
    noisy = torch.addcmul(received, unit.to(device), variance.sqrt()) + _tensor(offset, device)[:, :, None, None]
    return _two_filters(noisy, survey)


def _two_filters(flux: Tensor, survey: Survey) -> Tensor:
    if survey.bands[1] == MEAN:
        flux[:, 1] = 0.5 * (flux[:, 0] + flux[:, 2])
    return flux


def _unit_noise(exposure: Exposure, size: int, native: float) -> Tensor:
    """Noise of unit variance on native pixels, resized -> (3, size, size).

    Args:
        exposure: whose noise.
        size: edge of the picture, in pixels.
        native: native pixels per pixel of the picture, along an edge.
    """
    # Far more native pixels than the picture shows: the mean of k x k of them is one number with a k-th of the sigma.
    k = max(1, int(native / _FINEST))
    edge = max(2, round(size * native / k))
    white = torch.from_numpy(streams.texture(exposure.noise_seed).standard_normal((3, edge, edge), dtype=np.float32))
    if edge != size:
        white = F.interpolate(white[None], size=(size, size), mode="bicubic", antialias=True)[0]
    return white / k


def _tensor(rows: Sequence[object] | np.ndarray, device: torch.device) -> Tensor:
    return torch.as_tensor(np.asarray(rows, dtype=np.float32), device=device)
