"""The sheet on which a disc is painted, and the noise on it: patches drawn out along the spiral by the rotation.

The sheet is polar, in (ln R, theta): a logarithmic spiral is a straight line on it, and noise is wound up by a factor
exp(-i m cot(pitch) ln R) on its Fourier mode m in theta. All white noise is counted (`streams`), float32, from numpy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from selfsup.sky import streams

RADII, ANGLES = 96, 256
"""Rows and columns of the sheet."""
INNER, OUTER = 0.02, 9.0
"""Radii of its first and last row, in scale lengths."""
LOG_STEP = math.log(OUTER / INNER) / (RADII - 1)
RESOLVED = 0.5
"""Nothing wound is narrower in theta than this many times its shift from row to row: between rows it would break up."""

_MODES = 80
_MOST_RIDGES = 8
MOTTLE_CELLS, MOTTLE_REACH = 64, 6.0
"""Cells along the edge of the Cartesian field of irregular patches, which covers this many scale lengths each way."""


@dataclass(frozen=True)
class Sheet:
    """Coordinates of the sheet's cells, in scale lengths and radians.

    Args:
        log_radius, radius, area: (96, 1); the area is that of a cell.
        theta: (256,) from -pi; the last cell ends where the first begins.
    """

    log_radius: Tensor
    radius: Tensor
    area: Tensor
    theta: Tensor


@dataclass(frozen=True)
class White:
    """White noise of K discs.

    Args:
        numbers: (K, 3) uniform: scale along the spiral, scale across it, slope.
        along: (K, 8 or more, 2, 96) along arms.
        mottle: (K, 64, 64).
        modes: (K, N, 96, 80) complex, Fourier modes of N fields on the sheet.
    """

    numbers: Tensor
    along: Tensor
    mottle: Tensor
    modes: Tensor


@lru_cache(maxsize=4)
def sheet(device: str) -> Sheet:
    """The sheet on a device."""
    log_radius = torch.linspace(math.log(INNER), math.log(OUTER), RADII, device=device)[:, None]
    theta = torch.arange(ANGLES, device=device) * (2 * math.pi / ANGLES) - math.pi
    radius = log_radius.exp()
    return Sheet(log_radius, radius, radius**2 * (LOG_STEP * 2 * math.pi / ANGLES), theta)


def white(seeds: Sequence[int], ridges: int, fields: int, device: str) -> White:
    """Noise of discs by their seeds: what a disc gets depends neither on its neighbours nor on `ridges` or `fields`."""
    parts: tuple[list[np.ndarray], ...] = ([], [], [], [])
    for seed in seeds:
        random = streams.texture(seed)
        parts[0].append(random.random(3, dtype=np.float32))
        parts[1].append(random.standard_normal((_MOST_RIDGES, 2, RADII), dtype=np.float32))
        parts[2].append(random.standard_normal((MOTTLE_CELLS, MOTTLE_CELLS), dtype=np.float32))
        parts[3].append(random.standard_normal((fields, RADII, _MODES, 2), dtype=np.float32))
    numbers, along, mottle, modes = (torch.from_numpy(np.stack(part)).to(device) for part in parts)
    # More arms than any population draws repeat the noise of the first.
    along = along[:, torch.arange(max(ridges, 1), device=along.device) % _MOST_RIDGES]
    return White(numbers, along, mottle, torch.view_as_complex(modes))


def sheared(noise: White, cot: Tensor) -> Tensor:
    """Wind patches up.

    Args:
        noise: of K discs.
        cot: (K,) signed cotangent of the pitch: theta = cot ln R is along the patches.

    Returns:
        (K, N, 96, 256) of zero mean and unit variance, periodic in theta.
    """
    cells = sheet(str(cot.device))
    mode = torch.arange(1, _MODES + 1, device=cot.device, dtype=torch.float32)
    along = 2 * math.pi * torch.fft.fftfreq(RADII, LOG_STEP, device=cot.device)[:, None]
    a, m_c, beta = (low + span * noise.numbers[:, i, None, None] for i, (low, span) in enumerate(_SPECTRUM))
    k2 = (along * a) ** 2 + (mode / m_c) ** 2
    unresolved = 0.5 * (RESOLVED * LOG_STEP * cot[:, None, None] * mode) ** 2
    power = torch.exp(-0.5 * k2 - unresolved) * (0.15 + k2) ** (-0.5 * beta)
    rows = torch.fft.ifft(noise.modes * power[:, None], dim=-2)
    turn = -cot[:, None, None] * cells.log_radius * mode
    rows = rows * torch.polar(torch.ones_like(turn), turn)[:, None]
    field = torch.fft.irfft(torch.nn.functional.pad(rows, (1, 0)), n=ANGLES, dim=-1)
    return _unit_variance(field)


_SPECTRUM = ((0.12, 0.18), (9.0, 11.0), (0.5, 0.7))
"""Lowest value and span of a: smoothing along the spiral in ln R; m_c: last mode in theta; beta: slope."""


def along_arms(noise: Tensor, length: float) -> Tensor:
    """(..., 96) white -> the same of unit variance, correlated over this length in ln R."""
    return noise @ _smoother(length, str(noise.device))


def mottle(noise: White, cells: Tensor) -> Tensor:
    """Irregular patches that follow no rotation: drawn on Cartesian cells, for polar ones would look like spokes.

    Args:
        noise: of K discs.
        cells: (K,) smoothing, in cells.

    Returns:
        (K, 96, 256) on the sheet, of about unit variance.
    """
    edge = MOTTLE_CELLS
    at = torch.fft.fftfreq(edge, device=cells.device)[:, None] ** 2 + torch.fft.rfftfreq(edge, device=cells.device) ** 2
    smooth = torch.exp(-2 * (math.pi * cells[:, None, None]) ** 2 * at)
    field = _unit_variance(torch.fft.irfft2(torch.fft.rfft2(noise.mottle) * smooth, s=(edge, edge)))
    plane = sheet(str(cells.device))
    places = torch.stack([plane.radius * plane.theta.cos(), plane.radius * plane.theta.sin()], -1) / MOTTLE_REACH
    places = places.expand(len(field), -1, -1, -1)
    sampled = torch.nn.functional.grid_sample(field[:, None], places, padding_mode="border", align_corners=False)
    return sampled[:, 0]


@lru_cache(maxsize=8)
def _smoother(length: float, device: str) -> Tensor:
    u = sheet(device).log_radius
    kernel = torch.exp(-(((u - u.T) / length) ** 2))
    return kernel / kernel.square().sum(0).sqrt()


def _unit_variance(field: Tensor) -> Tensor:
    """Centred and scaled over the last two dimensions."""
    field = field - field.mean((-2, -1), keepdim=True)
    return field / field.square().mean((-2, -1), keepdim=True).sqrt()
