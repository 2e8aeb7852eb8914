"""Edge-on discs: an exponential disc from the side, thick and thin, with a lane of dust along its plane.

The line of sight through an exponential disc gives (R / h) K1(R / h), and the vertical equilibrium of an isothermal
sheet sech^2(z / h_z) (van der Kruit and Searle 1981, equation 5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from selfsup.sky import streams
from selfsup.sky.discs import EXTINCTION, Placed
from selfsup.sky.galaxy import Disc, EdgeOn
from selfsup.sky.grid import Grid

_SOFTENING = 0.05
"""Of R, in h: K1 has a cusp."""
_THIN_YOUNG, _THIN_LENGTH, _THIN_HEIGHT = 0.4, 1.15, 0.5
"""Share of the young light in the thin disc, and its length and height in those of the thick one."""
_THINNEST = 0.9
"""Sub-pixels: a thinner disc would lose light between them."""
_WARP_AT = 3.0
"""Radius, in h, where the plane has left its place by `EdgeOn.warp`."""
_LEFT = 0.08
"""Share of the light that lies before the lane."""
_LANE_LENGTH, _LANE_SCATTER, _LANE_MEAN = 1.2, 0.8, -0.3
_CLOUDS, _CLOUD_REACH = (32, 128), 6.0
"""Cells of the texture of the lane in z and in R; it covers this many h_z and h each way."""
_CLOUD_CELLS = (1.0, 2.5)
"""Smoothing of the texture, in cells."""


def light(discs: Sequence[Disc], placed: Placed, grid: Grid) -> Tensor:
    """Light of edge-on discs without their dust lanes: `transmission` takes from the bulge too.

    Args:
        discs: K of them, each with `edge_on`.
        placed: where; the axis ratio is not used.
        grid: K stamps.

    Returns:
        (K, 3, M, M) nanomaggies / arcsec^2, which add up to the fluxes.
    """
    x, z = _sides(discs, placed, grid)
    height = _column(discs, "height", placed.h_arcsec.device)
    thin_young = _THIN_YOUNG * placed.flux_young + placed.flux_knots
    thick = placed.flux_old + (1 - _THIN_YOUNG) * placed.flux_young
    step = (grid.step_arcsec / placed.h_arcsec)[:, None, None]
    bright = _bands(thick, placed) * _layer(discs, x, z, 1.0, height.clamp(min=_THINNEST * step))[:, None]
    if bool((thin_young > 0).any()):
        thin = _layer(discs, x, z, _THIN_LENGTH, (_THIN_HEIGHT * height).clamp(min=_THINNEST * step))
        bright = bright + _bands(thin_young, placed) * thin[:, None]
    return bright


def transmission(discs: Sequence[Disc], placed: Placed, grid: Grid) -> Tensor:
    """(K, 3, M, M) share of the light of disc and bulge that comes through the lane; 1 where there is none."""
    x, z = _sides(discs, placed, grid)
    dust, height = (_column(discs, name, x.device) for name in ("dust", "height"))
    if not bool((dust > 0).any()):
        return torch.ones_like(x)[:, None].expand(-1, 3, -1, -1)
    offset, thickness = (_column(discs, name, x.device) for name in ("lane_offset", "lane_height"))
    across = (z / height - offset) / thickness
    depth = dust * torch.exp(-x.abs() / _LANE_LENGTH) * _sech2(across)
    depth = depth * torch.exp(_LANE_SCATTER * _clouds(discs, x, z / height) + _LANE_MEAN)
    # 0.08 + 0.92 exp(-tau), and exactly 1 without dust.
    return 1 + (1 - _LEFT) * torch.expm1(-depth[:, None] * torch.tensor(EXTINCTION, device=x.device)[:, None, None])


def _sides(discs: Sequence[Disc], placed: Placed, grid: Grid) -> tuple[Tensor, Tensor]:
    """(K, M, M) along the plane and from it, in h; the warp bends its two ends to opposite sides."""
    along, across = grid.offsets(placed.x0, placed.y0, placed.angle)
    x, z = along / placed.h_arcsec[:, None, None], across / placed.h_arcsec[:, None, None]
    warp = _column(discs, "warp", x.device)
    return x, z - warp * (x / _WARP_AT) * (x / _WARP_AT).abs()


def _layer(discs: Sequence[Disc], x: Tensor, z: Tensor, length: float, height: Tensor) -> Tensor:
    """(K, M, M) disc of unit flux in units of h^2."""
    wide = torch.linspace(-12, 12, 769, device=x.device).expand(len(discs), 1, -1)
    total = _profile(discs, wide, length).sum(2, keepdim=True) * (24 / 768)
    return _profile(discs, x, length) / total * _sech2(z / height) / (2 * height)


def _profile(discs: Sequence[Disc], x: Tensor, length: float) -> Tensor:
    """Light along the plane, up to where the disc is truncated."""
    at, width = (
        torch.tensor([getattr(d, name) for d in discs], dtype=torch.float32, device=x.device)[:, None, None]
        for name in ("truncation", "truncation_width")
    )
    radius = torch.hypot(x / length, torch.tensor(_SOFTENING, device=x.device))
    edge = 0.5 - 0.5 * torch.tanh((x.abs() - at) / width)
    profile: Tensor = radius * torch.special.modified_bessel_k1(radius) * edge
    return profile


def _clouds(discs: Sequence[Disc], x: Tensor, z: Tensor) -> Tensor:
    """(K, M, M) smooth noise of about unit variance, at x in h and z in scale heights."""
    white = np.stack([streams.texture(d.texture_seed).standard_normal(_CLOUDS, dtype=np.float32) for d in discs])
    rows, columns = _CLOUDS
    at = (_CLOUD_CELLS[0] * torch.fft.fftfreq(rows)[:, None]) ** 2 + (
        _CLOUD_CELLS[1] * torch.fft.rfftfreq(columns)
    ) ** 2
    spectrum = torch.fft.rfft2(torch.from_numpy(white)) * torch.exp(-2 * math.pi**2 * at)
    field = torch.fft.irfft2(spectrum, s=_CLOUDS)
    field = (field / field.std((1, 2), keepdim=True)).to(x.device)
    places = torch.stack([x, z], -1) / _CLOUD_REACH
    sampled = torch.nn.functional.grid_sample(field[:, None], places, padding_mode="border", align_corners=False)
    return sampled[:, 0]


def _sech2(x: Tensor) -> Tensor:
    return 1 / torch.cosh(x.clamp(-30, 30)).square()


def _bands(flux: Tensor, placed: Placed) -> Tensor:
    """(K, 3) -> (K, 3, 1, 1) of surface brightness."""
    return (flux / placed.h_arcsec[:, None].square())[:, :, None, None]


def _column(discs: Sequence[Disc], name: str, device: torch.device) -> Tensor:
    """(K, 1, 1) of a number of the edge-on discs."""
    numbers = [getattr(_edge_on(disc), name) for disc in discs]
    return torch.tensor(numbers, dtype=torch.float32, device=device)[:, None, None]


def _edge_on(disc: Disc) -> EdgeOn:
    if disc.edge_on is None:
        raise ValueError(f"a disc of inclination {disc.inclination_deg} is not edge-on: discs.light draws it")
    return disc.edge_on
