"""From the sky to the pixels of the picture in one pass through Fourier space.

The blur is a Moffat profile (Moffat 1969), whose transform is closed for the two exponents in use: with
x = 2 pi k a, a = FWHM / (2 sqrt(2^(1 / beta) - 1)), it is (1 + x + x^2 / 3) exp(-x) for beta = 3.5 and (1 + x) exp(-x)
for beta = 2.5 (Trujillo et al. 2001 give the general one, a Bessel function). The native pixel is a sinc, a shift is a
phase, and keeping the low frequencies alone samples the result at the pixels of the picture.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from selfsup.sky.grid import OVERSAMPLING, Grid
from selfsup.sky.survey import Survey

FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
_SIGMA_PX, _LEAST_SIGMA_PX = 1.05, 0.45
"""A point has at least this Gaussian width in the picture, of which at least this much is smoothing: a picture coarser
than the blur would otherwise ring round every star."""
_TAPER_SHARE = 0.15
"""Share of the frequencies of each axis that fade out before the highest. After the smoothing above, a longer taper
rings more, not less: it cuts into frequencies that still hold power."""


def blur_and_sample(
    image: Tensor, grid: Grid, survey: Survey, fwhm: Tensor, ellipticity: Tensor, angle: Tensor, shift_arcsec: Tensor
) -> Tensor:
    """Blur, shift and sample.

    Args:
        image: (G, 3, M, M) nanomaggies / arcsec^2.
        grid: with G stamps.
        survey: whose pixels and kind of blur.
        fwhm: (G, 3) arcsec.
        ellipticity: (G,) one minus the axis ratio of the blur.
        angle: (G,) of its major axis.
        shift_arcsec: (G, 3, 2) along x and y.

    Returns:
        (G, 3, n, n) nanomaggies per native pixel.
    """
    m = grid.padded_px
    spectrum = _low_frequencies(image, m)
    rows, columns = _frequencies(grid)
    spectrum *= _blur(rows, columns, fwhm, ellipticity, angle, survey.moffat_beta)
    smoothing = _smoothing_arcsec(grid, fwhm)
    for axis, at in ((1, rows[:, None]), (0, columns[:, None])):
        response = _response(at, survey.pixel_arcsec, smoothing, grid)
        shifted = torch.polar(response, -2 * math.pi * at * shift_arcsec[:, :, axis, None])
        spectrum *= shifted[..., None] if axis else shifted[..., None, :]
    inside = slice(grid.pad_px, grid.pad_px + grid.size_px)
    sampled: Tensor = torch.fft.irfft2(spectrum, s=(m, m))[..., inside, inside]
    return sampled * (survey.pixel_arcsec / OVERSAMPLING) ** 2


def moffat_transfer(x: Tensor, beta: float) -> Tensor:
    """Transform of a Moffat profile of unit flux at x = 2 pi k a >= 0, for beta = 3.5 or 2.5."""
    polynomial = 1 + x + x * x / 3 if beta == 3.5 else 1 + x
    return polynomial * torch.exp(-x)


def moffat_scale(fwhm: Tensor, beta: float) -> Tensor:
    """FWHM -> a of (1 + (r / a)^2)^-beta."""
    return fwhm / (2 * math.sqrt(2 ** (1 / beta) - 1))


def _low_frequencies(image: Tensor, m: int) -> Tensor:
    """(..., M, M) -> (..., m, m // 2 + 1) of its spectrum."""
    half = m // 2
    rows = torch.fft.rfft(image, dim=-1)[..., : half + 1]
    full = torch.fft.fft(rows, dim=-2)
    return torch.cat((full[..., :half, :], full[..., full.shape[-2] - (m - half) :, :]), dim=-2)


def _frequencies(grid: Grid) -> tuple[Tensor, Tensor]:
    """(G, m) along y and (G, m // 2 + 1) along x, in cycles per arcsec."""
    m, device = grid.padded_px, grid.pixel_arcsec.device
    per_arcsec = 1 / grid.pixel_arcsec[:, None]
    return torch.fft.fftfreq(m, device=device) * per_arcsec, torch.fft.rfftfreq(m, device=device) * per_arcsec


def _smoothing_arcsec(grid: Grid, fwhm: Tensor) -> Tensor:
    """(G, 3) sigma of the Gaussian that keeps points from being sharper than the picture can show."""
    pixel = grid.pixel_arcsec[:, None]
    needed = (_SIGMA_PX**2 - (fwhm / (FWHM_PER_SIGMA * pixel)) ** 2).clamp_min(0).sqrt()
    return pixel * needed.clamp_min(_LEAST_SIGMA_PX)


def _response(at: Tensor, native_arcsec: float, smoothing: Tensor, grid: Grid) -> Tensor:
    """(G, 1, f) frequencies of an axis -> (G, 3, f): the native pixel, the smoothing and the taper."""
    share = at.abs() * (2 * grid.pixel_arcsec[:, None, None])  # of the highest
    fading = ((share - (1 - _TAPER_SHARE)) / _TAPER_SHARE).clamp(0, 1)
    taper = torch.cos(0.5 * math.pi * fading) ** 2
    gaussian = torch.exp(-2 * (math.pi * at * smoothing[..., None]) ** 2)
    return gaussian * (torch.sinc(at * native_arcsec) * taper)


def _blur(rows: Tensor, columns: Tensor, fwhm: Tensor, ellipticity: Tensor, angle: Tensor, beta: float) -> Tensor:
    """(G, 3, m, m // 2 + 1) transfer of the blur; its area does not depend on its ellipticity."""
    q = (1 - ellipticity)[:, None, None]
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    y, x = rows[:, :, None], columns[:, None, :]
    # A profile stretched along its major axis is squeezed there in frequency: 1 / q along it, q across it.
    k2 = (x * cos + y * sin) ** 2 / q + (y * cos - x * sin) ** 2 * q
    scale = 2 * math.pi * moffat_scale(fwhm, beta)
    return moffat_transfer(k2.sqrt()[:, None] * scale[:, :, None, None], beta)
