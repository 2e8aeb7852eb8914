"""Galaxies with what is true of them and what was predicted: the quickest check of any score."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from selfsup.report.style import DPI, GREEN, VERMILION, WIDTH_PX, styled, write_figure

_ACROSS = 6  # pictures
_CAPTION_IN = 0.34


@dataclass(frozen=True)
class Shown:
    """One galaxy.

    Args:
        image: (H, W, 3) uint8.
        true: what is true of it.
        said: what was predicted.
        right: whether that agrees.
    """

    image: np.ndarray
    true: str
    said: str
    right: bool


@styled
def prediction_grid(galaxies: Sequence[Shown], out: Path) -> None:
    """Draw each galaxy over its truth and the prediction: green where they agree, red where they do not."""
    rows = math.ceil(len(galaxies) / _ACROSS)
    width = WIDTH_PX / DPI
    side = width / _ACROSS
    figure = Figure(figsize=(width, rows * (side + _CAPTION_IN)), dpi=DPI)
    tall = rows * (side + _CAPTION_IN)
    for i, galaxy in enumerate(galaxies):
        row, column = divmod(i, _ACROSS)
        bottom = 1 - ((row + 1) * (side + _CAPTION_IN) - _CAPTION_IN) / tall
        axis = figure.add_axes(((column + 0.02) / _ACROSS, bottom, 0.96 / _ACROSS, 0.96 * side / tall))
        axis.imshow(galaxy.image, interpolation="antialiased")
        axis.set_axis_off()
        middle = (column + 0.5) / _ACROSS
        colour = GREEN if galaxy.right else VERMILION
        figure.text(middle, bottom - 0.12 / tall, _short(galaxy.true), ha="center", va="center", fontsize=7)
        figure.text(
            middle, bottom - 0.25 / tall, _short(galaxy.said), ha="center", va="center", fontsize=7, color=colour
        )
    write_figure(figure, out, quality=90)


def _short(text: str) -> str:
    return text if len(text) <= 28 else f"{text[:27]}…"
