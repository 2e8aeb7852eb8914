"""A galaxy's colour, measured on its picture, for data sets whose tables have none: what clusters should not follow.

Aperture photometry, as crude as a JPEG allows: in each of two channels, the light inside the central circle above the
median of the picture's border; their ratio in magnitudes. Light that is summed weights each pixel by its brightness,
and what is common to the two channels (exposure, size, inclination) cancels. It is a colour of the picture, not of the
galaxy: a stretch other than that of Lupton et al. 2004 (PASP 116, 133, which keeps the ratios of the channels)
compresses it, but it still orders galaxies from blue to red.
"""

from __future__ import annotations

import numpy as np

APERTURE_SHARE, BORDER_SHARE = 0.25, 1 / 16
"""Radius of the circle and width of the border, as shares of the picture's edge."""
FAINTEST_LEVELS = 1.0
"""Mean light in the circle, in 8-bit levels above the border, below which a channel holds no measurable galaxy."""
_AT_ONCE = 256


def measure_colour(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) uint8 and n rows of it -> (n,) float64, 2.5 log10(first / last channel): redder is larger.

    NaN where the picture is grey (its channels are all the same), or a channel shows no galaxy in the centre.
    """
    parts = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
    return np.concatenate([_measure(images[part]) for part in parts]) if parts else np.empty(0)


def _measure(images: np.ndarray) -> np.ndarray:
    ends = np.asarray(images)[..., [0, -1]]
    circle, border = _places(images.shape[1])
    light = ends[:, circle].mean(axis=1, dtype=np.float64) - np.median(ends[:, border], axis=1)
    coloured = (ends[..., 0] != ends[..., 1]).any(axis=(1, 2))
    known = coloured & (light >= FAINTEST_LEVELS).all(axis=1)
    colour = np.full(len(images), np.nan)
    colour[known] = 2.5 * np.log10(light[known, 0] / light[known, 1])
    return colour


def _places(size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """(S, S) bool of the central circle, and of the border."""
    offset = np.abs(np.arange(size_px) - (size_px - 1) / 2)
    circle = np.hypot(*np.meshgrid(offset, offset)) <= APERTURE_SHARE * size_px
    outside = offset > size_px / 2 - max(1.0, BORDER_SHARE * size_px)
    return circle, outside[:, None] | outside[None, :]
