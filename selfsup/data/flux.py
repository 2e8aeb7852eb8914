"""Measured flux becomes a picture: the centre keeps its structure, the outskirts are seen, and colours stay colours.

Lupton et al. 2004 (PASP 116, 133), equation 2: with x_b the scaled flux of each band and I their mean,

    R_b = x_b f(I) / I,    f(I) = asinh(Q I) / Q,

which keeps the ratios of the bands, unlike a stretch of each band alone. Each channel is then clipped for itself, as
the pictures of SDSS and of the Legacy Surveys are; the paper divides by the brightest instead.
"""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

import numpy as np

from selfsup.data.decode import MAX_PIXELS, Unreadable, square_of
from selfsup.data.source import Source
from selfsup.types import ConfigError

_LARGEST = 1e30
"""Flux beyond this is white anyway, and its products stay finite."""


@dataclass(kw_only=True)
class FluxSource(Source, ABC):
    """Images of flux in one or more bands, and how they are shown.

    Args:
        bands: which planes, from 0 on, are red, green and blue; two are red and blue, one is grey.
        scale: factor on each of them, per unit of flux.
        softening: Q; the brighter I is above 1 / Q, the more it is compressed.
        black: added to the scaled flux, so that the noise of the sky is seen on both sides.
        max_missing_share: share of a picture's pixels, in [0, 1], that may lack a value; they become empty sky.
    """

    bands: list[int]
    scale: list[float]
    softening: float
    black: float
    max_missing_share: float

    def __post_init__(self) -> None:
        """Refuse what cannot be shown, before any file is opened."""
        if not 1 <= len(self.bands) <= 3 or min(self.bands, default=0) < 0:
            raise ConfigError(f"data.bands={list(self.bands)}: name one to three planes, counted from 0")
        if len(self.scale) != len(self.bands):
            raise ConfigError(
                f"data.scale={list(self.scale)}: give one factor for each of {len(self.bands)} data.bands"
            )
        if not self.softening > 0:
            raise ConfigError(f"data.softening={self.softening}: write a number above 0, such as 8")

    def shown_as(self) -> str:
        """What a picture depends on besides the flux."""
        return repr([list(self.bands), list(self.scale), self.softening, self.black, self.max_missing_share])

    def picture(self, planes: np.ndarray) -> np.ndarray:
        """(C, H, W) flux -> (size_px, size_px, 3) uint8.

        Raises:
            Unreadable: too few planes, too many pixels, or too many without a value.
        """
        if planes.ndim != 3 or max(self.bands) >= len(planes):
            raise Unreadable(f"planes of shape {planes.shape}, while data.bands asks for plane {max(self.bands)}")
        if not 0 < planes[0].size <= MAX_PIXELS:
            raise Unreadable(f"{planes.shape[2]} x {planes.shape[1]} pixels")
        flux = _known(planes[list(self.bands)].astype(np.float64), self.max_missing_share)
        rgb = _three(stretched(flux, np.asarray(self.scale), self.softening, self.black))
        return square_of(np.rint(255 * rgb).astype(np.uint8).transpose(1, 2, 0), self.size_px)


def stretched(flux: np.ndarray, scale: np.ndarray, softening: float, black: float) -> np.ndarray:
    """(C, H, W) finite flux, (C,) factors -> (C, H, W) in [0, 1], the module's equation."""
    x = np.clip(flux, -_LARGEST, _LARGEST) * scale[:, None, None] + black
    intensity = softening * np.maximum(x, 0).mean(axis=0)
    # asinh(I) / I is 1 at 0, where the quotient has no value
    compressed = np.divide(np.arcsinh(intensity), intensity, out=np.ones_like(intensity), where=intensity > 0)
    shown: np.ndarray = np.clip(x * compressed, 0, 1)
    return shown


def _known(flux: np.ndarray, max_missing_share: float) -> np.ndarray:
    """Pixels without a value as empty sky: one of them would spread through every sum."""
    known = np.isfinite(flux)
    if 1 - known.mean() > max_missing_share:
        raise Unreadable(f"{1 - known.mean():.0%} of its pixels have no value")
    return np.where(known, flux, 0.0)


def _three(shown: np.ndarray) -> np.ndarray:
    """(1 to 3, H, W) -> (3, H, W); between red and blue lies their mean (Galaxy Zoo: Hubble, arXiv:1610.03068)."""
    if len(shown) == 2:
        return np.stack([shown[0], shown.mean(axis=0), shown[1]])
    return np.broadcast_to(shown, (3, *shown.shape[1:]))
