"""What a search found, as pictures: each query on the left, and its nearest galaxies in rows beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from selfsup.report.style import BLUE, DPI, WIDTH_PX, styled, write_figure

ACROSS = 8
"""Pictures beside each other; the first column is the query's."""
_CAPTION_IN, _TITLE_IN, _GAP_IN = 0.17, 0.3, 0.06


@dataclass(frozen=True)
class Gallery:
    """A query and what was found.

    Args:
        name: of the query.
        examples: (n, H, W, 3) uint8, what was asked for; up to four are shown, and none where it has no picture.
        nearest: (K, H, W, 3) uint8, the nearest first.
        captions: K short texts below them.
    """

    name: str
    examples: np.ndarray
    nearest: np.ndarray
    captions: Sequence[str]


@styled
def draw_galleries(galleries: Sequence[Gallery], measure: str, out: Path) -> None:
    """Draw the galleries below each other.

    Args:
        galleries: of one search.
        measure: what the captions are, such as "cosine similarity".
        out: where the PNG goes.
    """
    side = WIDTH_PX / DPI / ACROSS
    lines = [max(1, ceil(len(gallery.nearest) / (ACROSS - 1))) for gallery in galleries]
    height = sum(_TITLE_IN + each * (side + _CAPTION_IN) + _GAP_IN for each in lines)
    figure = Figure(figsize=(WIDTH_PX / DPI, height), dpi=DPI)
    top = 0.0
    for gallery, count in zip(galleries, lines, strict=True):
        middle = 1 - (top + _TITLE_IN / 2) / height
        title = _short(gallery.name, 60)
        figure.text(0.03 / ACROSS, middle, title, va="center", fontsize=10, fontweight="bold")
        figure.text(1 - 0.05 / ACROSS, middle, measure, ha="right", va="center", fontsize=8, color="#444444")
        top += _TITLE_IN
        if len(gallery.examples):
            _show(figure, mosaic(gallery.examples), 0, top, query=True)
        for i, (picture, caption) in enumerate(zip(gallery.nearest, gallery.captions, strict=True)):
            line, column = divmod(i, ACROSS - 1)
            place = top + line * (side + _CAPTION_IN)
            _show(figure, picture, column + 1, place)
            below = 1 - (place + side + _CAPTION_IN / 2 - 0.02) / height
            figure.text(
                (column + 1.5) / ACROSS,
                below,
                _short(caption, 22),
                ha="center",
                va="center",
                fontsize=7,
            )
        top += count * (side + _CAPTION_IN) + _GAP_IN
    write_figure(figure, out)


def mosaic(pictures: np.ndarray) -> np.ndarray:
    """(n, H, W, 3) -> one picture: the first alone, or up to four of them, each in a quarter of its size, on white."""
    if len(pictures) == 1:
        return np.asarray(pictures[0])
    height, width = pictures.shape[1] // 2, pictures.shape[2] // 2
    sheet = np.full((2 * height, 2 * width, 3), 255, dtype=np.uint8)
    for i, picture in enumerate(pictures[:4, : 2 * height, : 2 * width]):
        row, column = divmod(i, 2)
        small = picture.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))  # of 2 x 2 pixels
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = np.rint(small)
    return sheet


def _show(figure: Figure, picture: np.ndarray, column: int, top_in: float, query: bool = False) -> None:
    """A picture in a column of the page, `top_in` inches below its upper edge; the query has a frame."""
    width, height = figure.get_size_inches()
    side, rim = width / ACROSS, 0.02 * width / ACROSS
    place = ((column * side + rim) / width, 1 - (top_in + side - rim) / height)
    axis = figure.add_axes((*place, (side - 2 * rim) / width, (side - 2 * rim) / height))
    axis.imshow(picture, interpolation="antialiased")
    axis.grid(visible=False)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=query, color=BLUE, linewidth=2)


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
