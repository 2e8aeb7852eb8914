"""Tilted discs on the sky: the atlas of each, looked up at the place in the disc that every sub-pixel of a stamp sees.

A thin disc of axis ratio q maps a place (X, Y) in units of h to X h along the major axis and Y h q across it; its dust
lies in its plane, and its star-forming regions are round patches that share the light of the knots.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from selfsup.sky import texture
from selfsup.sky.atlas import Atlas, paint
from selfsup.sky.galaxy import Disc
from selfsup.sky.grid import Grid

EXTINCTION = (0.75, 1.0, 1.4)
"""Of the red, green and blue band, relative to green: dust reddens."""
_NEARER = 0.3
"""Dust of a disc seen from the side dims the near half by this share more than the middle, the far half less."""


@dataclass(frozen=True)
class Placed:
    """K discs on the sky.

    Args:
        x0, y0: (K,) centres, arcsec.
        h_arcsec: (K,) scale lengths.
        q: (K,) axis ratios.
        angle: (K,) radians, of the major axes, from x towards y.
        flux_old, flux_young, flux_knots: (K, 3) nanomaggies without dust; the young ones without the knots.
    """

    x0: Tensor
    y0: Tensor
    h_arcsec: Tensor
    q: Tensor
    angle: Tensor
    flux_old: Tensor
    flux_young: Tensor
    flux_knots: Tensor


def light(discs: Sequence[Disc], placed: Placed, grid: Grid) -> Tensor:
    """Light of tilted discs, their dust before it.

    Args:
        discs: K of them.
        placed: where.
        grid: K stamps.

    Returns:
        (K, 3, M, M) nanomaggies / arcsec^2; without dust it adds up to the fluxes. Where a disc has no knots, the
        light of its knots is in its young map.
    """
    atlas = paint(discs, placed.x0.device)
    knotted = torch.tensor([[float(bool(disc.knots))] for disc in discs], device=placed.x0.device)
    x, y = _in_disc(placed, grid)
    old, young, dust = _look_up([atlas.old, atlas.young, atlas.dust], x, y)
    area = placed.h_arcsec**2 * placed.q
    bright = _per_band(placed.flux_old, area) * old + _per_band(placed.flux_young, area) * young
    if any(disc.knots for disc in discs):
        bright = bright + _bands(placed.flux_knots * knotted) * _knots(discs, atlas, placed, grid)[:, None]
    if not all(disc.knots for disc in discs):
        bright = bright + _per_band(placed.flux_knots * (1 - knotted), area) * young
    if any(disc.dust > 0 for disc in discs):
        bright = bright * _transmission(dust, x, y, placed.q)
    return bright


def structures(discs: Sequence[Disc], placed: Placed, grid: Grid) -> dict[str, Tensor]:
    """Where tilted discs have "arms", "bar", "ring", "tidal": each (K, M, M) in [0, 1], before any blur."""
    atlas = paint(discs, placed.x0.device)
    found = _look_up([atlas.arms, atlas.bar, atlas.ring, atlas.tails], *_in_disc(placed, grid))
    return dict(zip(("arms", "bar", "ring", "tidal"), (each[:, 0] for each in found), strict=True))


def _in_disc(placed: Placed, grid: Grid) -> tuple[Tensor, Tensor]:
    """(K, M, M) places in the planes of the discs, in scale lengths."""
    along, across = grid.offsets(placed.x0, placed.y0, placed.angle)
    h, q = placed.h_arcsec[:, None, None], placed.q[:, None, None]
    return along / h, across / (h * q)


def _look_up(maps: Sequence[Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """(K, 96, 256) maps -> what each has at these places, (K, 1, M, M); 0 beyond the atlas."""
    radius2 = x.square() + y.square()
    sheet = torch.stack(list(maps), 1)
    # One column repeated, so that no seam shows where theta turns from pi to -pi.
    sheet = torch.cat([sheet, sheet[..., :1]], -1)
    row = (0.5 * radius2.clamp(min=texture.INNER**2).log() - math.log(texture.INNER)) / texture.LOG_STEP
    places = torch.stack([torch.atan2(y, x) / math.pi, row * (2 / (texture.RADII - 1)) - 1], -1)
    found = torch.nn.functional.grid_sample(sheet, places, padding_mode="border", align_corners=True)
    found = found * (radius2 < texture.OUTER**2)[:, None]
    return tuple(found[:, number : number + 1] for number in range(len(maps)))


def _transmission(dust: Tensor, x: Tensor, y: Tensor, q: Tensor) -> Tensor:
    """(K, 3, M, M) share of the light that dust of this optical depth, (K, 1, M, M), lets through."""
    side = y / torch.hypot(x, y).clamp(min=1e-6)
    tilt = 1 + _NEARER * (1 - q.square()).clamp(min=0).sqrt()[:, None, None] * side
    depth = dust[:, 0] * tilt * q[:, None, None] ** -0.4
    return torch.exp(-depth[:, None] * torch.tensor(EXTINCTION, device=dust.device)[:, None, None])


def _knots(discs: Sequence[Disc], atlas: Atlas, placed: Placed, grid: Grid) -> Tensor:
    """(K, M, M) light of the knots, of unit flux.

    A round Gaussian is a product of one in x and one in y, so that all of a disc's are one product of matrices; their
    means over sub-pixels, by error functions, keep the flux of knots however small.
    """
    most = max(len(disc.knots) for disc in discs)
    rows = [
        [(k.share, k.size, *k.place) for k in disc.knots] + [(0.0, 1.0, 0.5, 0.5)] * (most - len(disc.knots))
        for disc in discs
    ]
    share, size, *place = torch.tensor(rows, dtype=torch.float32, device=placed.x0.device).unbind(-1)
    along, across = _places(atlas.young, place[0], place[1])
    along, across = along * placed.h_arcsec[:, None], across * (placed.h_arcsec * placed.q)[:, None]
    cos, sin = placed.angle.cos()[:, None], placed.angle.sin()[:, None]
    sigma = size * placed.h_arcsec[:, None]
    x = _bell(grid, placed.x0[:, None] + along * cos - across * sin, sigma)
    y = _bell(grid, placed.y0[:, None] + along * sin + across * cos, sigma)
    return (share[..., None] * y).transpose(1, 2) @ x


def _places(young: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Where (K, N) numbers in [0, 1) lie in the cumulative light of the young map: first in R, then in theta.

    Returns:
        (K, N) X and Y, in scale lengths.
    """
    sheet = texture.sheet(str(young.device))
    row, inside = _cell((young * sheet.area).sum(2), first)
    ring = young.gather(1, row[..., None].expand(-1, -1, texture.ANGLES))
    column, beyond = _cell(ring.flatten(0, 1), second.reshape(-1, 1))
    radius = torch.exp(sheet.log_radius[:, 0][row] + (inside - 0.5) * texture.LOG_STEP)
    theta = sheet.theta[column] + (beyond - 0.5) * (2 * math.pi / texture.ANGLES)
    theta = theta.reshape(radius.shape)
    return radius * theta.cos(), radius * theta.sin()


def _cell(weight: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
    """(K, W) weights, (K, N) numbers in [0, 1) -> the cells where the cumulative weights pass them, and how far in."""
    total = torch.nn.functional.pad(weight.cumsum(1), (1, 0))
    wanted = (number * total[:, -1:]).contiguous()
    cell = (torch.searchsorted(total, wanted, right=True) - 1).clamp(0, weight.shape[1] - 1)
    inside = (wanted - total.gather(1, cell)) / weight.gather(1, cell).clamp(min=1e-20)
    return cell, inside.clamp(0, 1)


def _bell(grid: Grid, centre: Tensor, sigma: Tensor) -> Tensor:
    """(K, N) -> (K, N, M) mean of a Gaussian over each sub-pixel of an axis, per arcsec."""
    step = grid.step_arcsec[:, None]
    edges = torch.cat([grid.axis - step / 2, grid.axis[:, -1:] + step / 2], 1)
    below = torch.erf((edges[:, None] - centre[..., None]) / (sigma[..., None] * math.sqrt(2)))
    return below.diff(dim=-1) / (2 * step[..., None])


def _bands(flux: Tensor) -> Tensor:
    return flux[:, :, None, None]


def _per_band(flux: Tensor, area: Tensor) -> Tensor:
    """(K, 3) -> (K, 3, 1, 1) of surface brightness."""
    return _bands(flux / area[:, None])
