"""A galaxy behind a galaxy: arcs, counter-images and Einstein rings by tracing rays back to the source.

A singular isothermal sphere with external shear (Kormann et al. 1994; Keeton et al. 1997):
beta = theta (1 - theta_E / |theta|) - Gamma theta. Lensing keeps surface brightness, so an image has the brightness
of the source where its ray comes from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from selfsup.sky.galaxy import Lens
from selfsup.sky.grid import Grid

_BESIDE = 1e-5
"""In Einstein radii."""


def arcs(lens: Sequence[Lens], flux_source: Tensor, grid: Grid) -> Tensor:
    """Images of the galaxies behind K lenses, which are at the centres of their stamps.

    Args:
        lens: K of them.
        flux_source: (K, 3) nanomaggies that the sources would have without a lens.
        grid: with K stamps.

    Returns:
        (K, 3, M, M) nanomaggies / arcsec^2 of an exponential source, magnified.
    """
    rows = [(x.einstein_arcsec, x.source_x, x.source_y, x.source_size, *x.shear) for x in lens]
    numbers = torch.tensor(rows, dtype=torch.float32, device=grid.pixel_arcsec.device).reshape(len(lens), 6)
    einstein, x0, y0, size, shear_plus, shear_cross = (column[:, None, None] for column in numbers.unbind(1))
    # The deflection has no direction at the centre itself, which is a sub-pixel: a little beside it, it has one.
    x, y = grid.axis[:, None, :] / einstein + _BESIDE, grid.axis[:, :, None] / einstein
    deflection = 1 - 1 / torch.sqrt(x * x + y * y).clamp_min(0.5 * _BESIDE)
    from_x = x * (deflection - shear_plus) - y * shear_cross
    from_y = y * (deflection + shear_plus) - x * shear_cross
    distance = torch.hypot(from_x - x0, from_y - y0) / size
    peak = 1 / (2 * math.pi * (size * einstein) ** 2)  # of one nanomaggy
    return (torch.exp(-distance) * peak)[:, None] * flux_source[:, :, None, None]
