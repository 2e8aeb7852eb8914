"""Ellipticals, bulges and the shells around them: light that needs no texture.

Sersic 1968 with the normalisation of Graham and Driver 2005 (equations 1 and 4) on generalised ellipses (Athanassoula
et al. 1990, equation 1). The centre of a steep profile lies between sub-pixels, so the light that they miss there is
computed by a quadrature and added as a point. Shells follow Hernquist and Quinn 1988: a sharp edge, and light inside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy.special import i0e
from torch import Tensor

from selfsup.sky.galaxy import Shell
from selfsup.sky.grid import Grid

_SOFTENING = 0.35
"""Of the radius, in sub-pixels."""
_CENTRE = 3.0
"""Radius of the centre, along the minor axis, in sub-pixels."""
_CUT, _CUT_STEEP, _STEEP = 6.0, 10.0, 2.0
"""In half-light radii, profiles end at 6, or at 10 above this Sersic index: what is beyond is fainter than any sky."""
_SHARPNESS = 4.0
"""Of the outer edge of a shell: its width over that of the edge."""
_SHELL_SUM, _SHELL_MEAN = math.pi / math.sqrt(8), math.pi**2 / (8 * math.sqrt(2))
"""Integrals over t of exp(-t) / (1 + exp(-4 t)) and of t times that."""
_SHELL_PEAK = 0.75 * 3**-0.25
"""Its greatest value."""


@dataclass(frozen=True)
class PlacedSpheroids:
    """K spheroids on the sky.

    Args:
        x0, y0: (K,) arcsec from the centre of the stamp.
        r_e_arcsec: (K,) half-light radius along the major axis, in the green band.
        n: (K,) Sersic index.
        q: (K,) axis ratio.
        angle: (K,) of the major axis.
        boxiness: (K,) exponent of the generalised ellipse; 2 is an ellipse.
        gradient: (K,) the half-light radius is exp(-g), 1, exp(g) times `r_e_arcsec` in red, green, blue.
        flux: (K, 3) nanomaggies.
    """

    x0: Tensor
    y0: Tensor
    r_e_arcsec: Tensor
    n: Tensor
    q: Tensor
    angle: Tensor
    boxiness: Tensor
    gradient: Tensor
    flux: Tensor


def light(placed: PlacedSpheroids, grid: Grid) -> Tensor:
    """Sersic profiles -> (K, 3, M, M) nanomaggies / arcsec^2; `grid` has K stamps.

    The whole profile holds `flux`; a stamp that contains it adds up to that, less what the cut leaves out.
    """
    b = steepness(placed.n)
    r_e = placed.r_e_arcsec.clamp_min(1e-4)
    log_r2 = _log_radius2(placed, grid) - 2 * r_e.log()[:, None, None]  # in half-light radii, squared
    t = torch.exp(log_r2 * (0.5 / placed.n)[:, None, None])
    t = torch.where(log_r2 < _log_cut2(placed.n)[:, None, None], t, math.inf)
    slope, height = _bands(placed, b, r_e)
    image = torch.exp(t[:, None] * -slope[:, :, None, None]).mul_(height[:, :, None, None])
    _mend_centre(image, log_r2, placed, grid, slope, height)
    return image


def steepness(n: Tensor) -> Tensor:
    """(K,) Sersic indices -> (K,) b of exp(-b (r / R_e)^(1/n)) (Prugniel and Simien 1997)."""
    return 2 * n - 1 / 3 + 0.009876 / n


def add_points(image: Tensor, owner: Tensor, x: Tensor, y: Tensor, flux: Tensor, grid: Grid) -> None:
    """Add point sources in place, each shared among the four nearest sub-pixels.

    Args:
        image: (G, 3, M, M) nanomaggies / arcsec^2.
        owner: (P,) stamp that a point is on.
        x: (P,) arcsec from the centre; points outside the stamp are left out.
        y: (P,) likewise.
        flux: (P, 3) nanomaggies; may be negative.
        grid: with G stamps.
    """
    step = grid.step_arcsec[owner]
    column, row = x / step + (grid.padded_px - 1), y / step + (grid.padded_px - 1)
    left, top = column.floor(), row.floor()
    inside = (left >= 0) & (top >= 0) & (left < grid.edge - 1) & (top < grid.edge - 1)
    density = flux * (inside / step**2)[:, None]
    at_x, at_y = left.clamp(0, grid.edge - 2).long(), top.clamp(0, grid.edge - 2).long()
    right, down = column - left, row - top
    bands = torch.arange(3, device=image.device)
    for dx, dy, weight in (
        (0, 0, (1 - right) * (1 - down)),
        (1, 0, right * (1 - down)),
        (0, 1, (1 - right) * down),
        (1, 1, right * down),
    ):
        where = (owner[:, None], bands, (at_y + dy)[:, None], (at_x + dx)[:, None])
        image.index_put_(where, density * torch.where(inside, weight, 0)[:, None], accumulate=True)


def shells(spheroid: PlacedSpheroids, around: Sequence[tuple[Shell, ...]], flux: Tensor, grid: Grid) -> Tensor:
    """Light of the shells around K spheroids -> (K, 3, M, M) nanomaggies / arcsec^2.

    Args:
        spheroid: that they surround; `flux` of it is not read.
        around: K tuples.
        flux: (K, 3) nanomaggies of all shells of a spheroid.
        grid: with K stamps.
    """
    image = torch.zeros(len(around), 3, grid.edge, grid.edge, device=grid.pixel_arcsec.device)
    owner, density, shape = _shell_shapes(spheroid, around, grid)
    if shape is not None:
        image.index_add_(0, owner, (flux[owner] * density[:, None])[:, :, None, None] * shape[:, None])
    return image


def shell_map(spheroid: PlacedSpheroids, around: Sequence[tuple[Shell, ...]], grid: Grid) -> Tensor:
    """Where shells are -> (K, M, M) in [0, 1], 1 on the ridge of the middle of a shell."""
    strength = torch.zeros(len(around), grid.edge, grid.edge, device=grid.pixel_arcsec.device)
    owner, _, shape = _shell_shapes(spheroid, around, grid)
    if shape is not None:
        for k, own in zip(owner.tolist(), shape / _SHELL_PEAK, strict=True):
            strength[k] = torch.maximum(strength[k], own)
    return strength


def _bands(placed: PlacedSpheroids, b: Tensor, r_e: Tensor) -> tuple[Tensor, Tensor]:
    """(K, 3) b of each band in terms of t = (r / R_e,green)^(1/n), and (K, 3) surface brightness at the centre."""
    stretch = placed.gradient[:, None] * torch.tensor([-1.0, 0.0, 1.0], device=b.device)
    slope = b[:, None] * torch.exp(-stretch / placed.n[:, None])
    area = superellipse_area(placed.boxiness) * placed.q * r_e**2
    log_unit = torch.log(2 * placed.n * area) + torch.lgamma(2 * placed.n)
    return slope, placed.flux * torch.exp(2 * placed.n[:, None] * slope.log() - log_unit[:, None])


def superellipse_area(c: Tensor) -> Tensor:
    """Area of |x|^c + |y|^c < 1; pi at c = 2."""
    return 4 * torch.exp(2 * torch.lgamma(1 + 1 / c) - torch.lgamma(1 + 2 / c))


def _log_radius2(placed: PlacedSpheroids, grid: Grid) -> Tensor:
    """(K, M, M) logarithm of the squared, softened radius in arcsec along the major axis."""
    u, v = grid.offsets(placed.x0, placed.y0, placed.angle)
    v = v / placed.q[:, None, None]
    soft = (_SOFTENING * grid.step_arcsec[:, None, None]) ** 2
    if bool((placed.boxiness == 2).all()):  # most are ellipses, and powers are slow
        return torch.log(u * u + v * v + soft)
    c = placed.boxiness[:, None, None]
    return torch.log((u.abs() ** c + v.abs() ** c) ** (2 / c) + soft)


def _log_cut2(n: Tensor) -> Tensor:
    return 2 * torch.log(torch.where(n > _STEEP, _CUT_STEEP, _CUT))


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(32)
    return 0.5 * (nodes + 1), 0.5 * weights


def _mend_centre(
    image: Tensor, log_r2: Tensor, placed: PlacedSpheroids, grid: Grid, slope: Tensor, height: Tensor
) -> None:
    """Add the light of the centre that the sub-pixels miss, or take away what they have too much, as a point.

    The centre has a soft edge, the window (1 - (r / R_c)^2)^2: with a sharp one the number of sub-pixels inside, which
    jumps, would be taken for light.
    """
    r_e, step = placed.r_e_arcsec.clamp_min(1e-4), grid.step_arcsec
    extent = _CENTRE * step / placed.q  # R_c
    ratio = extent / r_e
    window = (1 - torch.exp(log_r2) / (ratio**2)[:, None, None]).clamp_min_(0).square_()
    found = torch.einsum("kbyx,kyx->kb", image, window) * (step**2)[:, None]
    # r = R_c s^n makes the exponent linear in s: smooth for every n. Cut where the image is.
    s, weight = (torch.as_tensor(a, dtype=torch.float32, device=image.device) for a in _quadrature())
    n, top = placed.n[:, None], torch.minimum(torch.ones_like(ratio), torch.exp(0.5 * _log_cut2(placed.n)) / ratio)
    s = s * (top[:, None] ** (1 / n))
    measure = weight * top[:, None] ** (1 / n) * n * s ** (2 * n - 1) * (1 - s ** (2 * n)) ** 2
    t = s * ratio[:, None] ** (1 / n)
    area = 2 * superellipse_area(placed.boxiness) * placed.q * extent**2
    true = height * torch.einsum("ks,kbs->kb", measure, torch.exp(-slope[:, :, None] * t[:, None])) * area[:, None]
    inside = torch.maximum(placed.x0.abs(), placed.y0.abs()) + extent < grid.axis[:, -1]
    missing = torch.where(inside[:, None], true - found, 0)
    add_points(image, torch.arange(len(step), device=image.device), placed.x0, placed.y0, missing, grid)


def _shell_shapes(
    spheroid: PlacedSpheroids, around: Sequence[tuple[Shell, ...]], grid: Grid
) -> tuple[Tensor, Tensor, Tensor | None]:
    """(S,) spheroid of each shell, (S,) its surface brightness per flux of all, (S, M, M) its shape."""
    device = grid.pixel_arcsec.device
    owner = torch.tensor([k for k, some in enumerate(around) for _ in some], dtype=torch.int64, device=device)
    if not len(owner):
        return owner, torch.zeros(0, device=device), None
    rows = [
        (shell.share / sum(x.share for x in some), shell.radius, shell.width, shell.angle, shell.spread)
        for some in around
        for shell in some
    ]
    share, radius, width, angle, spread = torch.tensor(rows, dtype=torch.float32, device=device).unbind(1)
    size, q = spheroid.r_e_arcsec[owner], spheroid.q[owner]
    radius, width = radius * size, width * size
    turns = torch.as_tensor(2 * math.pi * i0e((1 / spread**2).cpu().numpy()), device=device)
    density = share / (q * width * (_SHELL_SUM * radius - _SHELL_MEAN * width) * turns)
    u, v = grid.of(owner).offsets(spheroid.x0[owner], spheroid.y0[owner], spheroid.angle[owner])
    v = v / q[:, None, None]
    r = torch.sqrt(u * u + v * v).clamp_min(1e-6)
    along, across = (angle - spheroid.angle[owner]).cos(), (angle - spheroid.angle[owner]).sin() / q
    length = torch.hypot(along, across)
    cosine = (u * (along / length)[:, None, None] + v * (across / length)[:, None, None]) / r
    t = ((radius[:, None, None] - r) / width[:, None, None]).clamp_min(-20)
    shape = torch.exp((cosine - 1) / (spread**2)[:, None, None] - t) * torch.sigmoid(_SHARPNESS * t)
    return owner, density, shape
