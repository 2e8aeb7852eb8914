"""From flux to the colours that people see, as each survey publishes its images.

`lupton`: Lupton et al. 2004, equation 2, with each channel clipped for itself, as the cutouts of SDSS are. Its two
numbers are not those of the paper: alpha is set by how strong the noise of the sky is to look, and Q by the surface
brightness that becomes white. `gz_decals`: the images of Galaxy Zoo DECaLS (Walmsley et al. 2022, section 2).
"""

from __future__ import annotations

import io
import math
from functools import cache

import numpy as np
import torch
from PIL import Image
from scipy.optimize import brentq
from torch import Tensor

from selfsup.sky.seds import ZERO_POINT
from selfsup.sky.survey import Survey
from selfsup.types import ConfigError

_DECALS_SCALES = (0.019, 0.014, 0.008)
"""Nanomaggies per pixel of z, r, g."""
_DECALS_DARKEST, _DECALS_BRIGHTEST = math.asinh(-0.5), math.asinh(300.0)
_DECALS_COLOUR = 2.5
"""A pixel whose brightest band is this many times the mean of its bands loses its colour."""


def to_rgb(flux: Tensor, survey: Survey) -> Tensor:
    """(G, 3, n, n) nanomaggies per native pixel -> (G, 3, n, n) uint8."""
    values = _gz_decals(flux) if survey.stretch == "gz_decals" else _lupton(flux, survey)
    return values.clamp_(0, 1).mul_(255).round_().to(torch.uint8)


def published(image: np.ndarray, quality: tuple[int, int]) -> np.ndarray:
    """(n, n, 3) uint8 -> the same picture, taken from a JPEG file with twice its pixels.

    Stamps are reduced from larger published pictures. Compression has smoothed the noise of their colours away, but its
    blocks and its halved colour resolution are too small to be seen in the stamp.

    Args:
        image: the stamp.
        quality: of brightness and of colour, 1 to 95.
    """
    n, packed = len(image), io.BytesIO()
    tables = [_quantisation(quality[0])[0], _quantisation(quality[1])[1]]
    Image.fromarray(image.repeat(2, 0).repeat(2, 1)).save(packed, format="JPEG", qtables=tables, subsampling="4:2:0")
    with Image.open(packed) as opened:
        return np.asarray(opened.resize((n, n), Image.Resampling.BOX))


@cache
def _quantisation(quality: int) -> dict[int, list[int]]:
    """The tables (0 brightness, 1 colour) that the library writes for a quality."""
    packed = io.BytesIO()
    Image.new("RGB", (8, 8)).save(packed, format="JPEG", quality=quality)
    with Image.open(packed) as opened:
        return dict(opened.quantization)  # type: ignore[attr-defined]


@cache
def lupton_parameters(survey: Survey) -> tuple[float, float]:
    """Alpha (per nanomaggy per native pixel) and Q that give the survey its noise and its white.

    Raises:
        ConfigError: no Q makes this surface brightness white.
    """
    scale = survey.band_scale[1]
    alpha = survey.noise_levels / 255 / (survey.noise_sigma()[1] * scale)
    brightest = 10 ** (0.4 * (ZERO_POINT - survey.white_mag)) * survey.pixel_arcsec**2
    target = alpha * scale * brightest + survey.black_levels[1] / 255  # asinh(Q target) / Q = 1
    if not 1 < target < 1e6:
        raise ConfigError(
            f"survey.white_mag={survey.white_mag} with survey.noise_levels={survey.noise_levels}: white would be "
            f"{target:.3g} times the range of the picture; it must be 1 to 1e6 times: lower white_mag or raise "
            "noise_levels"
        )
    return alpha, float(brentq(lambda q: math.asinh(q * target) / q - 1, 1e-4, 50))


def _lupton(flux: Tensor, survey: Survey) -> Tensor:
    alpha, q = lupton_parameters(survey)
    scale = alpha * torch.tensor(survey.band_scale, device=flux.device)[:, None, None]
    # black is a little grey, so that the noise of the sky is seen on both sides
    black = torch.tensor(survey.black_levels, device=flux.device)[:, None, None] / 255
    values = flux * scale + black
    mean = values.mean(1, keepdim=True) * q
    # asinh(x) / x is 1 at 0, where the quotient has no value
    near_zero = mean.abs() < 1e-4
    return values * torch.where(near_zero, 1, torch.asinh(mean) / torch.where(near_zero, 1, mean))


def _gz_decals(flux: Tensor) -> Tensor:
    scale = torch.tensor(_DECALS_SCALES, device=flux.device)[:, None, None]
    values = (torch.asinh(flux / scale) - _DECALS_DARKEST) / (_DECALS_BRIGHTEST - _DECALS_DARKEST)
    mean = values.mean(1, keepdim=True)
    dominance = (values / torch.where(mean == 0, 1, mean)).amax(1, keepdim=True) / _DECALS_COLOUR
    w = torch.sin(0.5 * math.pi * (1 - dominance.clamp_max(1)))
    return values * w + mean * (1 - w) + mean * (1 - w) ** 2 * values
