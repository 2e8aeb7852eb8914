"""Galaxies with the outlines of their parts: what is there beside what was found, and what is found where nobody knows.

Outlines, not fills: structures overlap, and what is beneath must stay to be seen.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from selfsup.report.style import (
    BLUE,
    DPI,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH_PX,
    Captioned,
    styled,
    write_figure,
)

COLOURS = (SKY, VERMILION, GREEN, ORANGE, PURPLE, GREY, BLUE)
"""Of the structures in their order; those that are hard to see on a dark sky come last."""
_ACROSS = 6  # panels
_LEGEND_IN = 0.35


class Overlaid(Protocol):
    """A galaxy and what was found on it."""

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8."""

    @property
    def predicted(self) -> np.ndarray:
        """(K, H, W) bool."""

    @property
    def truth(self) -> np.ndarray | None:
        """(K, H, W) bool, or None where nobody knows."""


def draw_overlays(probe: str, overlays: Sequence[Overlaid], names: Sequence[str], folder: Path) -> Captioned:
    """The figure of a probe that finds structure, with its caption; nothing without galaxies."""
    if not overlays:
        return []
    out = folder / f"{probe}_maps.jpg"
    overlay_figure(overlays, names, out)
    caption = f"Probe {probe}: scored galaxies, what is there, and what was found."
    return [(out, caption + (" Below, galaxies without truth." if any(o.truth is None for o in overlays) else ""))]


@styled
def overlay_figure(overlays: Sequence[Overlaid], names: Sequence[str], out: Path) -> None:
    """Write galaxies of known truth two a line (image, truth, found), then the others three a line (image, found).

    Args:
        overlays: the galaxies.
        names: of the K structures, for the legend.
        out: where the picture goes; JPEG, because the noise of the sky makes a PNG five times as large.

    Raises:
        ValueError: more structures than colours.
    """
    if len(names) > len(COLOURS):
        raise ValueError(f"{len(names)} structures, but {len(COLOURS)} colours")
    lines = _lines(overlays)
    side = WIDTH_PX / DPI / _ACROSS
    figure = Figure(figsize=(WIDTH_PX / DPI, len(lines) * side + _LEGEND_IN), dpi=DPI)
    height = len(lines) * side + _LEGEND_IN
    for i, line in enumerate(lines):
        for j, (image, maps, title) in enumerate(line):
            place = (j / _ACROSS, 1 - (_LEGEND_IN + (i + 1) * side) / height, 0.985 / _ACROSS, 0.985 * side / height)
            _panel(figure.add_axes(place), image, maps, title)
    keys = [Line2D([], [], color=colour, label=name) for colour, name in zip(COLOURS, names, strict=False)]
    figure.legend(handles=keys, loc="upper left", ncols=len(names), borderaxespad=0.3)
    write_figure(figure, out, quality=80, subsampling=0)  # halved colour resolution would blur the thin outlines


_Panel = tuple[np.ndarray, np.ndarray | None, str]


def _lines(overlays: Sequence[Overlaid]) -> list[list[_Panel]]:
    """Panels, line by line: image, outlines, title."""
    known: list[_Panel] = []
    unknown: list[_Panel] = []
    for each in overlays:
        if each.truth is None:
            unknown += [(each.image, None, "no truth"), (each.image, each.predicted, "found")]
        else:
            known += [(each.image, None, ""), (each.image, each.truth, "truth"), (each.image, each.predicted, "found")]
    return [panels[at : at + _ACROSS] for panels in (known, unknown) for at in range(0, len(panels), _ACROSS)]


def _panel(axis: Axes, image: np.ndarray, maps: np.ndarray | None, title: str) -> None:
    axis.imshow(image)
    for colour, there in zip(COLOURS, () if maps is None else maps, strict=False):
        # Framed by nothing, so that an outline closes at the edge; an empty map has no outline to draw.
        if there.any():
            framed = np.pad(there, 1).astype(float)
            edges = (np.arange(-1, side + 1) for side in there.shape[::-1])
            axis.contour(*edges, framed, levels=[0.5], colors=[colour], linewidths=1.1)
    axis.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))
    axis.text(0.03, 0.97, title, color="white", fontsize=8, va="top", transform=axis.transAxes)
    axis.set_axis_off()
