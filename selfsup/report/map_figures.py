"""A map of galaxies, coloured by what is known of them: a point each, or, of very many, what each small cell holds."""

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_hex, to_rgb
from matplotlib.lines import Line2D

from selfsup.report.cluster_figures import COLOURS
from selfsup.report.style import GREY, page, styled, write_figure

MOST_POINTS = 20_000
"""Galaxies that are a point each; of more, a cell shows the mean number or the commonest word of those in it."""
CELLS = 260
"""Along each side of such a map."""
MANY = tuple(to_hex(colormaps["tab20"](place)) for place in range(20) if place not in (14, 15))
"""Colours for more words than there are colours that everybody can tell apart; without its greys."""
MARGIN, OUTSIDE = 0.03, 0.001
"""Of the map's width left free, and share of galaxies at each end that need not lie on it."""
OTHER, UNKNOWN = "other", "unknown"


def in_square(places: np.ndarray) -> np.ndarray:
    """(N, 2) -> the same in the unit square, equally stretched both ways; a few far outliers lie beyond it."""
    ends = np.quantile(places, [OUTSIDE, 1 - OUTSIDE], axis=0)
    width = float((ends[1] - ends[0]).max()) or 1.0
    return np.asarray((places - ends.mean(axis=0)) / width * (1 - 2 * MARGIN) + 0.5)


@styled
def coloured_map(places: np.ndarray, values: np.ndarray, name: str, out: Path) -> None:
    """Draw galaxies in the colours of a column: of numbers between their outer hundredths, of words one by one.

    Args:
        places: (N, 2) in the unit square.
        values: (N,) numbers, NaN unknown, or words, "" unknown.
        name: of the column.
        out: where the PNG goes.
    """
    low, high = np.clip([places[:, 1].min() - MARGIN, places[:, 1].max() + MARGIN], 0, 1)
    figure, (axis,) = page(1, 6.3 * (high - low), 0.5)
    if values.dtype.kind in "biuf":
        figure.colorbar(_numbers(axis, places, values.astype(np.float64)), ax=axis, label=name, shrink=0.8)
    else:
        _words(axis, places, values.astype(str))
    axis.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(low, high), aspect="equal")
    axis.set_title(f"{name}: {len(places):,} galaxies")
    axis.spines[["left", "bottom"]].set_visible(False)
    write_figure(figure, out)


def _numbers(axis: Axes, places: np.ndarray, values: np.ndarray) -> ScalarMappable:
    known = np.isfinite(values)
    low, high = np.quantile(values[known], (0.01, 0.99)) if known.any() else (0.0, 1.0)
    scale = ScalarMappable(Normalize(low, high), "viridis")
    if len(places) <= MOST_POINTS:
        _draw_points(axis, places, np.where(known[:, None], scale.to_rgba(values)[:, :3], to_rgb(GREY)))
        return scale
    cell = _cells(places[known])
    count = np.bincount(cell, minlength=CELLS**2)
    total = np.bincount(cell, values[known][_inside(places[known])], minlength=CELLS**2)
    _draw_cells(axis, scale.to_rgba(total / np.maximum(count, 1))[:, :3], count > 0)
    return scale


def _words(axis: Axes, places: np.ndarray, values: np.ndarray) -> None:
    names, code, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranked = [int(i) for i in np.argsort(-counts, kind="stable") if names[i]]
    palette = COLOURS if len(ranked) <= len(COLOURS) else MANY
    shown = sorted(ranked[: len(palette)], key=lambda i: _in_order(str(names[i])))
    place = np.full(len(names), len(shown))  # all others
    place[shown] = np.arange(len(shown))
    tints = np.array([to_rgb(tint) for tint in (*palette[: len(shown)], GREY)])
    if len(places) <= MOST_POINTS:
        _draw_points(axis, places, tints[place[code]])
    else:
        pairs = _cells(places) * len(tints) + place[code][_inside(places)]
        counted = np.bincount(pairs, minlength=CELLS**2 * len(tints)).reshape(-1, len(tints))
        _draw_cells(axis, tints[counted.argmax(axis=1)], counted.sum(axis=1) > 0)
    rest = [UNKNOWN] * ("" in names) + [OTHER] * (len(ranked) > len(shown))
    legend = [*(names[i] for i in shown), *([" or ".join(rest)] if rest else [])]
    marks = [Line2D([], [], marker="o", linestyle="", color=tint) for tint in tints[: len(legend)]]
    axis.legend(marks, legend, loc="upper left", bbox_to_anchor=(1, 1))


def _in_order(name: str) -> tuple[bool, int, str]:
    """Whole numbers by their size, before words."""
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)


def _draw_points(axis: Axes, places: np.ndarray, tints: np.ndarray) -> None:
    """(N, 2) and (N, 3): shuffled, so that no galaxy lies on top for its place in a table."""
    order = np.random.default_rng(0).permutation(len(places))
    size = float(np.clip(30_000 / len(places), 3, 16))
    axis.scatter(places[order, 0], places[order, 1], c=tints[order], s=size, linewidths=0, alpha=0.8)


def _draw_cells(axis: Axes, tints: np.ndarray, there: np.ndarray) -> None:
    """(CELLS^2, 3), and in which cells there are galaxies."""
    grid = np.where(there[:, None], tints, 1.0).reshape(CELLS, CELLS, 3)
    axis.imshow(grid, origin="lower", extent=(0, 1, 0, 1), interpolation="nearest")
    axis.grid(visible=False)


def _inside(places: np.ndarray) -> np.ndarray:
    return np.asarray(((places >= 0) & (places < 1)).all(axis=1))


def _cells(places: np.ndarray) -> np.ndarray:
    """(N, 2) -> (n,) number of the cell of each that is inside the square."""
    column, row = (places[_inside(places)] * CELLS).astype(int).T
    return np.asarray(row * CELLS + column)
