"""The stars and galaxies that happen to be in the picture: the same in every survey, which sees as many as it can.

Number counts are power laws, lg N(<m) = s m + constant; stars have colours like those of the stellar locus (Covey et
al. 2007), galaxies those of their populations at their redshifts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from selfsup.sky import streams
from selfsup.sky.galaxy import Galaxy
from selfsup.sky.grid import Grid
from selfsup.sky.seds import ZERO_POINT, relative_magnitude
from selfsup.sky.spheroids import add_points
from selfsup.sky.survey import Survey

BOX_ARCSEC = 130.0
"""Edge of the sky that is filled."""
BRIGHTEST, FAINTEST = 14.5, 25.0
"""AB magnitudes in r. Fixed, so that every survey sees the same sky."""
_STAR_SLOPE, _STARS = 0.20, 10 ** (0.20 * (FAINTEST - 21) + 0.42)
_GALAXY_SLOPE, _GALAXIES = 0.36, 10 ** (0.36 * (FAINTEST - 22) + 0.62)
"""Slope of lg N(<m), and N to the faintest per square arcmin."""
_STAR_SCATTER = 0.5
"""Of ln N from field to field: the Milky Way is not the same everywhere."""
_LOCUS = np.array(
    [
        (0.20, 0.05), (0.30, 0.09), (0.40, 0.13), (0.50, 0.17), (0.60, 0.21),
        (0.80, 0.30), (1.00, 0.42), (1.20, 0.60), (1.35, 0.95), (1.45, 1.35),
    ]
)  # fmt: skip
"""g - r and r - i."""
_LOCUS_SCATTER = 0.07
_STAR_LOG_ANGSTROM = np.log([4770.0, 6230.0, 7630.0, 10800.0])
_BEYOND_I = 1.1
"""i less the magnitude at 10800 angstrom, over r - i."""
_POPULATION_SHARES = (0.35, 0.25, 0.25, 0.15)
"""E, Sbc, Scd, Im."""
_MARGIN_MAG = 0.3
"""So much fainter than its limit a survey still shows something."""
_CLEAR_SHARE, _CLEAR_ARCSEC = 0.06, 4.0
"""Nothing is nearer to the centre than this share of the frame, or this far."""
_CUT_R_E = 4.0
"""Where galaxies end, in half-light radii; beyond is 1 % of the light of an exponential disc."""
_EXPONENTIAL_B = 1.678


@dataclass(frozen=True)
class Field:
    """Stars and galaxies of a box of sky.

    Args:
        star_xy: (S, 2) arcsec from the centre.
        star_mag: (S, 3) AB in g, r, i.
        galaxy_xy: (N, 2) arcsec.
        galaxy_mag: (N,) AB in r.
        r_e_arcsec, q, angle: (N,) shape of their exponential discs.
        redshift: (N,).
        population: (N,) index into `seds.POPULATIONS`.
    """

    star_xy: np.ndarray
    star_mag: np.ndarray
    galaxy_xy: np.ndarray
    galaxy_mag: np.ndarray
    r_e_arcsec: np.ndarray
    q: np.ndarray
    angle: np.ndarray
    redshift: np.ndarray
    population: np.ndarray


@dataclass(frozen=True)
class Visible:
    """What of a field a survey shows.

    Args:
        star_xy: (S, 2) arcsec.
        star_flux: (S, 3) nanomaggies in the survey's bands.
        galaxy_xy: (N, 2) arcsec.
        shape: (N, 3) half-light radius in arcsec, axis ratio, angle.
        galaxy_flux: (N, 3) nanomaggies.
    """

    star_xy: np.ndarray
    star_flux: np.ndarray
    galaxy_xy: np.ndarray
    shape: np.ndarray
    galaxy_flux: np.ndarray


def draw_field(seed: int, index: int) -> Field:
    """The sky around a galaxy, whoever looks at it."""
    rng = streams.field(seed, index)
    area = (BOX_ARCSEC / 60) ** 2
    stars = int(rng.poisson(area * _STARS * np.exp(_STAR_SCATTER * rng.standard_normal())))
    star_xy = rng.uniform(-BOX_ARCSEC / 2, BOX_ARCSEC / 2, (stars, 2))
    r = _magnitudes(rng, stars, _STAR_SLOPE)
    colours = _LOCUS[rng.integers(len(_LOCUS), size=stars)] + _LOCUS_SCATTER * rng.standard_normal((stars, 2))
    count = int(rng.poisson(area * _GALAXIES))
    galaxy_xy = rng.uniform(-BOX_ARCSEC / 2, BOX_ARCSEC / 2, (count, 2))
    magnitude = _magnitudes(rng, count, _GALAXY_SLOPE)
    return Field(
        star_xy=star_xy,
        star_mag=np.stack([r + colours[:, 0], r, r - colours[:, 1]], axis=1),
        galaxy_xy=galaxy_xy,
        galaxy_mag=magnitude,
        r_e_arcsec=10 ** (-0.16 * (magnitude - 21) - 0.05 + 0.18 * rng.standard_normal(count)),
        q=rng.uniform(0.25, 1, count),
        angle=rng.uniform(0, np.pi, count),
        redshift=0.75 * rng.random(count) ** 0.8 + 0.05,
        population=np.searchsorted(np.cumsum(_POPULATION_SHARES)[:-1], rng.random(count), side="right"),
    )


def visible(field: Field, survey: Survey, frame_arcsec: float) -> Visible:
    """What a survey shows of a field in a frame with this edge, and how bright in its bands."""
    limit = survey.depth_mag[1] + _MARGIN_MAG
    stars = _shown(field.star_xy, field.star_mag[:, 1], limit, frame_arcsec)
    galaxies = _shown(field.galaxy_xy, field.galaxy_mag, limit, frame_arcsec)
    return Visible(
        star_xy=field.star_xy[stars],
        star_flux=_star_flux(field.star_mag[stars], survey),
        galaxy_xy=field.galaxy_xy[galaxies],
        shape=np.stack([field.r_e_arcsec, field.q, field.angle], axis=1)[galaxies],
        galaxy_flux=_galaxy_flux(field, galaxies, survey),
    )


def add(light: Tensor, galaxies: Sequence[Galaxy], survey: Survey, grid: Grid) -> None:
    """Add the neighbours of G galaxies to their (G, 3, M, M) stamps, in place."""
    frames = [pixel * grid.size_px for pixel in grid.pixel_arcsec.tolist()]
    seen = [visible(draw_field(g.seed, g.index), survey, f) for g, f in zip(galaxies, frames, strict=True)]
    paint(light, seen, grid)


def paint(light: Tensor, seen: Sequence[Visible], grid: Grid) -> None:
    """Add stars and galaxies to (G, 3, M, M) nanomaggies / arcsec^2, in place."""
    device = light.device
    owner = _owners([len(one.star_xy) for one in seen], device)
    if len(owner):
        xy, flux = (_joined([getattr(one, name) for one in seen], device) for name in ("star_xy", "star_flux"))
        add_points(light, owner, xy[:, 0], xy[:, 1], flux, grid)
    owner = _owners([len(one.galaxy_xy) for one in seen], device)
    if not len(owner):
        return
    rows = [np.concatenate([one.galaxy_xy, one.shape, one.galaxy_flux], axis=1) for one in seen]
    numbers = _joined(rows, device)
    reach = _CUT_R_E * numbers[:, 2] / grid.step_arcsec[owner] + 2
    half, size = 6, 2 * grid.edge
    while half < size:  # patches of a few sizes, each little larger than its galaxies
        chosen = (reach <= half) & (reach > (half / 2 if half > 6 else 0))
        if bool(chosen.any()):
            _paint_patches(light, owner[chosen], numbers[chosen], half, grid)
        half *= 2


def _paint_patches(light: Tensor, owner: Tensor, numbers: Tensor, half: int, grid: Grid) -> None:
    """Exponential discs on patches of 2 half + 1 sub-pixels; each patch holds the flux of its galaxy exactly."""
    x0, y0, r_e, q, angle = (column[:, None, None] for column in numbers[:, :5].unbind(1))
    step, middle = grid.step_arcsec[owner][:, None, None], grid.padded_px - 1
    around = torch.arange(-half, half + 1, device=light.device)
    columns = (x0 / step + middle).round().long() + around[None, None, :]
    rows = (y0 / step + middle).round().long() + around[None, :, None]
    x, y = (columns - middle) * step - x0, (rows - middle) * step - y0
    u, v = x * angle.cos() + y * angle.sin(), (y * angle.cos() - x * angle.sin()) / q
    r = torch.sqrt(u * u + v * v + (0.35 * step) ** 2) / r_e
    shape = torch.exp(-_EXPONENTIAL_B * r)
    shape = shape / (shape.sum((1, 2), keepdim=True) * step**2)
    inside = (columns >= 0) & (columns < grid.edge) & (rows >= 0) & (rows < grid.edge)
    density = (shape * inside)[:, None] * numbers[:, 5:, None, None]
    bands = torch.arange(3, device=light.device)[:, None, None]
    at = (owner[:, None, None, None], bands, rows.clamp(0, grid.edge - 1)[:, None])
    light.index_put_((*at, columns.clamp(0, grid.edge - 1)[:, None]), density, accumulate=True)


def _magnitudes(rng: np.random.Generator, count: int, slope: float) -> np.ndarray:
    brightest = 10 ** (slope * (BRIGHTEST - FAINTEST))
    return FAINTEST + np.log10(rng.uniform(brightest, 1, count)) / slope


def _shown(xy: np.ndarray, magnitude: np.ndarray, limit: float, frame: float) -> np.ndarray:
    clear = min(_CLEAR_SHARE * frame, _CLEAR_ARCSEC)
    inside = np.abs(xy).max(axis=1, initial=0) < frame / 2
    shown: np.ndarray = np.flatnonzero((magnitude < limit) & inside & (np.hypot(xy[:, 0], xy[:, 1]) > clear))
    return shown


def _star_flux(magnitudes: np.ndarray, survey: Survey) -> np.ndarray:
    g, r, i = magnitudes.T
    nodes = np.stack([g, r, i, i - _BEYOND_I * (r - i)], axis=1)
    at = np.log(survey.wavelength_angstrom)
    seen = np.array([np.interp(at, _STAR_LOG_ANGSTROM, star) for star in nodes]).reshape(-1, 3)
    flux: np.ndarray = 10 ** (0.4 * (ZERO_POINT - seen))
    return flux


def _galaxy_flux(field: Field, chosen: np.ndarray, survey: Survey) -> np.ndarray:
    """Colours of their populations, at their apparent magnitudes in r."""
    rest = 1 + field.redshift[chosen, None]
    relative = relative_magnitude(np.array([*survey.wavelength_angstrom, 6230.0]) / rest)
    template = relative[field.population[chosen], np.arange(len(chosen))]
    seen = field.galaxy_mag[chosen, None] + template[:, :3] - template[:, 3:]
    flux: np.ndarray = 10 ** (0.4 * (ZERO_POINT - seen))
    return flux


def _owners(counts: list[int], device: torch.device) -> Tensor:
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)).to(device)


def _joined(parts: list[np.ndarray], device: torch.device) -> Tensor:
    return torch.as_tensor(np.concatenate(parts).astype(np.float32), device=device)
