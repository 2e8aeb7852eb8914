"""From galaxies to the pictures that a survey would publish of them.

On a processor one galaxy is drawn at a time: its arrays stay in the cache, and its bytes cannot depend on its company.
On a GPU a batch is drawn at once, and a grey level may differ in the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from selfsup.sky import neighbours, scene, sensor, stretch
from selfsup.sky.appearance import Appearance
from selfsup.sky.galaxy import Galaxy
from selfsup.sky.grid import Grid
from selfsup.sky.view import View

_TOGETHER = 64
"""Galaxies drawn at once on a GPU."""


@torch.inference_mode()
def observe(galaxies: Sequence[Galaxy], view: View, device: str = "cpu") -> np.ndarray:
    """Pictures of these galaxies -> (B, size, size, 3) uint8."""
    together = 1 if device == "cpu" else _TOGETHER
    pictures = np.empty((len(galaxies), view.size_px, view.size_px, 3), dtype=np.uint8)
    for start in range(0, len(galaxies), together):
        part = slice(start, start + together)
        rgb = stretch.to_rgb(photograph(galaxies[part], view, device), view.survey)
        pictures[part] = rgb.permute(0, 2, 3, 1).cpu().numpy()
    if view.survey.jpeg_quality is not None:
        for image in pictures:
            image[:] = stretch.published(image, view.survey.jpeg_quality)
    return pictures


def photograph(galaxies: Sequence[Galaxy], view: View, device: str = "cpu") -> Tensor:
    """What the camera records -> (B, 3, size, size) nanomaggies per native pixel, the sky's mean subtracted."""
    appearances = [view.appearance(galaxy) for galaxy in galaxies]
    grid = grid_of(appearances, view, device)
    exposures = [sensor.expose(g.seed, g.index, view.survey, view.epoch) for g in galaxies]
    light = scene.draw(galaxies, appearances, view.survey, grid)
    neighbours.add(light, galaxies, view.survey, grid)
    return sensor.record(light, galaxies, exposures, view.survey, grid)


def grid_of(appearances: Sequence[Appearance], view: View, device: str = "cpu") -> Grid:
    """The sub-pixels of these stamps."""
    pixels = [view.pixel_arcsec(appearance) for appearance in appearances]
    return Grid(torch.tensor(pixels, dtype=torch.float32, device=device), view.size_px)
