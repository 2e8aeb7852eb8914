"""Galaxies become light: every spheroid, disc, shell and arc is drawn on the stamp of the galaxy it belongs to.

Parts of one kind are drawn together, whichever galaxies they belong to, and added to their stamps; a stamp does not
depend on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from selfsup.sky import discs, edge_on, lensing, spheroids
from selfsup.sky.appearance import Appearance
from selfsup.sky.galaxy import Body, Disc, Galaxy, Lens, Spheroid, Stars
from selfsup.sky.grid import Grid
from selfsup.sky.seds import fluxes
from selfsup.sky.survey import Survey

KNOT_STARS: Stars = (0.0, 0.0, 0.0, 0.5, 0.5)
"""Star-forming regions: young stars and the gas that they light."""
LENSED_COLOUR = np.array([0.55, 0.8, 1.1])
"""Of a lensed galaxy relative to the lens, in red, green, blue: distant galaxies form stars."""
_HIDING_BULGE_Q = 0.62
"""Least axis ratio of a bulge that is seen from the side."""


@dataclass(frozen=True)
class Stamp:
    """A body and the stamp that it is drawn on.

    Args:
        row: of the batch.
        body: to be drawn.
        appearance: of its galaxy.
        survey: that sees it.
    """

    row: int
    body: Body
    appearance: Appearance
    survey: Survey

    def flux(self, share: float, stars: Stars) -> np.ndarray:
        """(3,) nanomaggies of a share of the body's light."""
        bands = self.survey.wavelength_angstrom
        return share * fluxes(self.body.magnitude, stars, bands, self.appearance.redshift)

    def arcsec(self, kpc: float) -> float:
        """A length on the sky."""
        return kpc / self.appearance.kpc_per_arcsec

    @property
    def disc(self) -> Disc:
        """Of a body that has one."""
        if self.body.disc is None:
            raise ValueError("a body without a disc")
        return self.body.disc

    @property
    def spheroid(self) -> Spheroid:
        """Of a body that has one; seen from the side a bulge is rounder, and may be boxy."""
        bulge = self.body.spheroid
        if bulge is None:
            raise ValueError("a body without a spheroid")
        side = self.body.disc.edge_on if self.body.disc is not None else None
        if side is None:
            return bulge
        bulge = replace(bulge, q=max(bulge.q, _HIDING_BULGE_Q))
        return replace(bulge, boxiness=3.2, n=0.6 * bulge.n, r_e_kpc=1.2 * bulge.r_e_kpc) if side.boxy_bulge else bulge


def draw(galaxies: Sequence[Galaxy], appearances: Sequence[Appearance], survey: Survey, grid: Grid) -> Tensor:
    """The light of the galaxies themselves, before blur and noise -> (G, 3, M, M) nanomaggies / arcsec^2."""
    canvas = torch.zeros(len(galaxies), 3, grid.edge, grid.edge, device=grid.pixel_arcsec.device)
    stamps = stamps_of(galaxies, appearances, survey)
    for part in (free_spheroids, tilted_discs, side_views, shells):
        add(canvas, *part(stamps, grid))
    return add(canvas, *arcs(galaxies, appearances, survey, grid))


def stamps_of(galaxies: Sequence[Galaxy], appearances: Sequence[Appearance], survey: Survey) -> list[Stamp]:
    """Every body of every galaxy."""
    pairs = zip(galaxies, appearances, strict=True)
    return [Stamp(row, body, seen, survey) for row, (galaxy, seen) in enumerate(pairs) for body in galaxy.bodies]


def add(canvas: Tensor, rows: list[int], light: Tensor | None) -> Tensor:
    """Add (K, 3, M, M) light to the stamps of these rows, in place."""
    return canvas if light is None else canvas.index_add_(0, _rows(rows, canvas), light)


def free_spheroids(stamps: Sequence[Stamp], grid: Grid) -> tuple[list[int], Tensor | None]:
    """Ellipticals, and the bulges of discs that do not hide them."""
    chosen = [s for s in stamps if s.body.spheroid is not None and not seen_from_the_side(s)]
    return _rows_and(chosen, grid, lambda part: spheroids.light(place_spheroids(chosen, grid), part))


def tilted_discs(stamps: Sequence[Stamp], grid: Grid) -> tuple[list[int], Tensor | None]:
    """Discs drawn from their atlas."""
    chosen = with_tilted_disc(stamps)
    painted = [s.disc for s in chosen]
    return _rows_and(chosen, grid, lambda part: discs.light(painted, place_discs(chosen, grid), part))


def side_views(stamps: Sequence[Stamp], grid: Grid) -> tuple[list[int], Tensor | None]:
    """Edge-on discs with their bulges, behind their dust."""
    chosen = [s for s in stamps if seen_from_the_side(s)]
    if not chosen:
        return [], None
    placed, painted = place_discs(chosen, grid), [s.disc for s in chosen]
    part = grid.of(_rows([s.row for s in chosen], grid.pixel_arcsec))
    light = edge_on.light(painted, placed, part)
    bulges = [k for k, s in enumerate(chosen) if s.body.spheroid is not None and s.body.spheroid.share > 0]
    if bulges:
        with_bulge = [chosen[k] for k in bulges]
        at = grid.of(_rows([s.row for s in with_bulge], grid.pixel_arcsec))
        light.index_add_(0, _rows(bulges, light), spheroids.light(place_spheroids(with_bulge, grid), at))
    return [s.row for s in chosen], light * edge_on.transmission(painted, placed, part)


def shells(stamps: Sequence[Stamp], grid: Grid) -> tuple[list[int], Tensor | None]:
    """Arcs of stars around disturbed ellipticals."""
    chosen = with_shells(stamps)
    around = [s.body.shells for s in chosen]
    flux = [s.flux(sum(shell.share for shell in s.body.shells), s.spheroid.stars) for s in chosen]
    return _rows_and(
        chosen,
        grid,
        lambda part: spheroids.shells(place_spheroids(chosen, grid), around, _tensor(flux, grid), part),
    )


def arcs(
    galaxies: Sequence[Galaxy], appearances: Sequence[Appearance], survey: Survey, grid: Grid
) -> tuple[list[int], Tensor | None]:
    """Images of the galaxies behind lenses."""
    lenses: list[Lens] = []
    rows, flux = [], []
    for row, (galaxy, seen) in enumerate(zip(galaxies, appearances, strict=True)):
        if galaxy.lens is not None:
            lenses.append(galaxy.lens)
            rows.append(row)
            flux.append(seen.flux * LENSED_COLOUR * 10 ** (-0.4 * galaxy.lens.fainter_mag))
    if not rows:
        return [], None
    return rows, lensing.arcs(lenses, _tensor(flux, grid), grid.of(_rows(rows, grid.pixel_arcsec)))


def with_tilted_disc(stamps: Sequence[Stamp]) -> list[Stamp]:
    """The bodies whose disc is drawn from its atlas."""
    return [s for s in stamps if s.body.disc is not None and s.body.disc.edge_on is None]


def with_shells(stamps: Sequence[Stamp]) -> list[Stamp]:
    """The bodies that have shells."""
    return [s for s in stamps if s.body.shells]


def seen_from_the_side(stamp: Stamp) -> bool:
    """Whether the body is an edge-on disc."""
    return stamp.body.disc is not None and stamp.body.disc.edge_on is not None


def place_spheroids(stamps: Sequence[Stamp], grid: Grid) -> spheroids.PlacedSpheroids:
    """Spheroids of K bodies, on the sky."""
    rows = []
    for s in stamps:
        x = s.spheroid
        size = s.arcsec(x.r_e_kpc)
        rows.append((s.arcsec(s.body.x_kpc), s.arcsec(s.body.y_kpc), size, x.n, x.q, x.angle, x.boxiness, x.gradient))
    x0, y0, r_e, n, q, angle, boxiness, gradient = _tensor(rows, grid).unbind(1)
    flux = _tensor([s.flux(s.spheroid.share, s.spheroid.stars) for s in stamps], grid)
    return spheroids.PlacedSpheroids(x0, y0, r_e, n, q, angle, boxiness, gradient, flux)


def place_discs(stamps: Sequence[Stamp], grid: Grid) -> discs.Placed:
    """Discs of K bodies, on the sky."""
    rows = []
    for s in stamps:
        d = s.disc
        rows.append((s.arcsec(s.body.x_kpc), s.arcsec(s.body.y_kpc), s.arcsec(d.h_kpc), d.q, d.angle))
    x0, y0, h, q, angle = _tensor(rows, grid).unbind(1)
    old = _tensor([s.flux(s.disc.share * (1 - s.disc.young_share), s.disc.old_stars) for s in stamps], grid)
    diffuse = [s.flux(_young(s.disc) * (1 - s.disc.knot_share), s.disc.young_stars) for s in stamps]
    knots = [s.flux(_young(s.disc) * s.disc.knot_share, KNOT_STARS) for s in stamps]
    return discs.Placed(x0, y0, h, q, angle, old, _tensor(diffuse, grid), _tensor(knots, grid))


def _rows_and(chosen: Sequence[Stamp], grid: Grid, light: Callable[[Grid], Tensor]) -> tuple[list[int], Tensor | None]:
    """The rows of these bodies and their light on the grids of those rows; nothing where there is no such body."""
    rows = [s.row for s in chosen]
    return rows, light(grid.of(_rows(rows, grid.pixel_arcsec))) if rows else None


def _young(disc: Disc) -> float:
    return disc.share * disc.young_share


def _tensor(rows: Sequence[object], grid: Grid) -> Tensor:
    return torch.as_tensor(np.asarray(rows, dtype=np.float32), device=grid.pixel_arcsec.device)


def _rows(rows: list[int], like: Tensor) -> Tensor:
    return torch.tensor(rows, dtype=torch.int64, device=like.device)
