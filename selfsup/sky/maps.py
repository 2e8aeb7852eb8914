"""Where in a picture the arms, the bar, the ring, the bulge and the tidal features are: the truth of dense probes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from selfsup.sky import discs, edge_on, optics, scene, spheroids
from selfsup.sky.galaxy import Galaxy
from selfsup.sky.grid import Grid
from selfsup.sky.observe import grid_of
from selfsup.sky.scene import Stamp
from selfsup.sky.sensor import expose
from selfsup.sky.view import View

STRUCTURES = ("arms", "bar", "ring", "bulge", "tidal")
_THERE = 0.4
"""Strength above which a pixel belongs to a structure: an arm as wide as the blur still has half its own."""
_BULGE_RADII = 2.0
"""Half-light radii that a bulge reaches: farther out, its faint wings outshine what is left of a disc that ends."""


@torch.inference_mode()
def structure_maps(galaxies: Sequence[Galaxy], view: View) -> np.ndarray:
    """Truth for the pictures that `observe` makes -> (B, 5, size, size) bool, in the order of `STRUCTURES`.

    Strengths between 0 and 1 are blurred and shifted as the picture is. A structure is there where its strength is
    above 0.4 and the galaxy is brighter than the noise of the sky; one of the disc counts as much as the disc gives of
    the light there. A bulge is where it outshines its disc: an elliptical has none, and an edge-on disc shows nothing
    else.
    """
    found = [_maps(galaxy, view) for galaxy in galaxies]
    return np.stack(found) if found else np.empty((0, len(STRUCTURES), view.size_px, view.size_px), dtype=bool)


def _maps(galaxy: Galaxy, view: View) -> np.ndarray:
    appearance = view.appearance(galaxy)
    grid = grid_of([appearance], view)
    stamps = scene.stamps_of([galaxy], [appearance], view.survey)
    strength = dict.fromkeys(STRUCTURES, torch.zeros(grid.edge, grid.edge))
    light = scene.draw([galaxy], [appearance], view.survey, grid)[0, 1]
    for name, values in [*_disc_maps(stamps, light, grid), *_bulge_maps(stamps, grid), *_shell_maps(stamps, grid)]:
        strength[name] = torch.maximum(strength[name], values.amax(0))
    *blurred, bright = _as_seen(torch.stack([*strength.values(), light]), galaxy, view, grid)
    visible = bright * view.survey.pixel_arcsec**2 > view.survey.noise_sigma()[1]
    maps: np.ndarray = torch.stack([(values > _THERE) & visible for values in blurred]).numpy()
    return maps


def _as_seen(images: Tensor, galaxy: Galaxy, view: View, grid: Grid) -> Tensor:
    """(6, M, M) -> (6, size, size) blurred and shifted as the green band of the picture is, in the same unit."""
    one = expose(galaxy.seed, galaxy.index, view.survey, view.epoch)
    pair = grid.of(torch.zeros(2, dtype=torch.int64))
    fwhm = torch.full((2, 3), float(one.fwhm[1]))
    shape = torch.tensor([[one.ellipticity, one.angle]] * 2, dtype=torch.float32)
    shift = torch.tensor(one.pointing_arcsec + one.shift_arcsec[1], dtype=torch.float32).expand(2, 3, 2)
    bands = images.view(2, 3, *images.shape[1:])
    seen = optics.blur_and_sample(bands, pair, view.survey, fwhm, shape[:, 0], shape[:, 1], shift)
    return seen.flatten(0, 1) / view.survey.pixel_arcsec**2


def _disc_maps(stamps: list[Stamp], light: Tensor, grid: Grid) -> list[tuple[str, Tensor]]:
    chosen = scene.with_tilted_disc(stamps)
    if not chosen:
        return []
    painted, placed, part = [s.disc for s in chosen], scene.place_discs(chosen, grid), _of(chosen, grid)
    # What a bulge outshines is not to be seen, however strong it is in the disc.
    share = discs.light(painted, placed, part)[:, 1] / light.clamp_min(1e-12)
    return [(name, strength * share) for name, strength in discs.structures(painted, placed, part).items()]


def _bulge_maps(stamps: list[Stamp], grid: Grid) -> list[tuple[str, Tensor]]:
    both = [s for s in stamps if s.body.disc is not None and s.body.spheroid is not None and s.body.spheroid.share > 0]
    maps = []
    for stamp in both:
        part, painted, placed = _of([stamp], grid), [stamp.disc], scene.place_discs([stamp], grid)
        bulge_at = scene.place_spheroids([stamp], grid)
        drawn = edge_on.light if scene.seen_from_the_side(stamp) else discs.light
        bulge, disc = spheroids.light(bulge_at, part)[:, 1], drawn(painted, placed, part)[:, 1]
        along, across = part.offsets(bulge_at.x0, bulge_at.y0, bulge_at.angle)
        near = (
            torch.hypot(along, across / bulge_at.q[:, None, None]) < _BULGE_RADII * bulge_at.r_e_arcsec[:, None, None]
        )
        maps.append(("bulge", near * bulge / (bulge + disc).clamp_min(1e-12)))
    return maps


def _shell_maps(stamps: list[Stamp], grid: Grid) -> list[tuple[str, Tensor]]:
    chosen = scene.with_shells(stamps)
    if not chosen:
        return []
    around = [s.body.shells for s in chosen]
    return [("tidal", spheroids.shell_map(scene.place_spheroids(chosen, grid), around, _of(chosen, grid)))]


def _of(stamps: Sequence[Stamp], grid: Grid) -> Grid:
    """The grid of one stamp, once for each body on it."""
    return grid.of(torch.zeros(len(stamps), dtype=torch.int64))
