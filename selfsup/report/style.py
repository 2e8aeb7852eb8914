"""How every figure of a report looks, and how it becomes a file: one quiet style that reads at the width of a web page.

The colours are those of Okabe and Ito (2008, "Color universal design"), which colour-blind readers tell apart.
Figures are made with matplotlib's object interface, so that drawing leaves no global state behind.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rcParams, style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY = PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#777777",
)  # fmt: skip
WIDTH_PX, DPI, MOST_BYTES = 1200, 150, 400_000
ACROSS = 3
"""Panels beside each other, at most."""
LEGEND_LETTERS = 130
"""Of names beside each other in a legend."""
_STYLE: dict[str, Any] = {
    "text.parse_math": False,  # a `$` is one of a name
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#999999",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
}
_FONTS: Any = rcParams.find_all(r"^font\.")
"""Of whoever reads the figures: names of galaxies may be in any script."""
styled = style.context(["default", {**_FONTS, **_STYLE}])
"""Decorator of what draws a figure. Only the fonts of a person's `matplotlibrc` count: LaTeX refuses our texts."""
Captioned = list[tuple[Path, str]]
"""Figures, each with its caption."""


def colours(n: int) -> list[str]:
    """Of n things beside each other; more than there are colours begin again."""
    return [PALETTE[index % len(PALETTE)] for index in range(n)]


def across(count: int) -> int:
    """How many of so many panels stand beside each other."""
    return min(ACROSS, max(1, count))


def page(
    count: int, row_in: float, more_in: float = 0.0, columns: int | None = None, **shared: Any
) -> tuple[Figure, list[Axes]]:
    """A figure as wide as a page, with rows of panels; those after the first `count` stay empty.

    Args:
        count: panels that are drawn.
        row_in: height of a row, in inches.
        more_in: height of what is above and below the rows.
        columns: panels beside each other; None for as many as there are and have room.
        shared: `sharex`, `sharey` of matplotlib.
    """
    columns = columns or across(count)
    rows = max(1, math.ceil(count / columns))
    figure = Figure(figsize=(WIDTH_PX / DPI, more_in + row_in * rows), dpi=DPI, layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False, **shared).flat)
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes


def common_legend(figure: Figure, axes: Sequence[Axes], where: Any, size: float) -> None:
    """One for all panels, each name once; `where` is `loc` of matplotlib."""
    known = {name: line for axis in axes for line, name in zip(*axis.get_legend_handles_labels(), strict=True)}
    if known:
        columns = max(1, min(3, LEGEND_LETTERS // max(map(len, known))))
        figure.legend(list(known.values()), list(known), loc=where, ncols=columns, fontsize=size)


def write_figure(figure: Figure, out: Path, **jpeg: int) -> None:
    """Write a figure as its file's ending says; of a large PNG (photographs) brightness gets coarser steps.

    Args:
        figure: all drawn.
        out: where it goes; the folder is made.
        jpeg: settings of Pillow, for a JPEG.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=DPI, facecolor="white", pil_kwargs=jpeg)
    if out.suffix == ".png" and out.stat().st_size > MOST_BYTES:
        _coarsen(out)


def _coarsen(out: Path) -> None:
    """The noise of a sky does not compress."""
    with Image.open(out) as image:
        pixels = np.asarray(image.convert("RGB"))
    for levels in (127, 63, 31, 15):
        coarse = np.rint(np.rint(pixels / 255 * levels) * 255 / levels).astype(np.uint8)
        Image.fromarray(coarse).save(out, optimize=True)
        if out.stat().st_size <= MOST_BYTES:
            return
