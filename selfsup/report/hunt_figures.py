"""A hunt as pictures: whom to rate next, where the interesting galaxies are, and how soon each method finds them."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from selfsup.report.statistics import Interval
from selfsup.report.style import SKY, VERMILION, colours, common_legend, page, styled, write_figure

_ACROSS = 5
"""Galaxies beside each other."""
_MANY = 20_000
"""Galaxies that are drawn as cells rather than dots."""


@styled
def batch_sheet(images: np.ndarray, captions: Sequence[str], out: Path) -> None:
    """Draw galaxies (n, H, W, 3) uint8, numbered from 1, each under its caption."""
    figure, axes = page(len(images), 1.95, columns=_ACROSS)
    for number, (axis, image, caption) in enumerate(zip(axes, images, captions, strict=False), start=1):
        axis.imshow(image, interpolation="antialiased")
        axis.set_axis_off()
        axis.set_title("\n".join(textwrap.wrap(f"{number}  {caption}", 26)[:2]), fontsize=8, fontweight="normal")
    write_figure(figure, out)


@styled
def interest_map(place: np.ndarray, interest: np.ndarray, rated: np.ndarray, asked: np.ndarray, out: Path) -> None:
    """Draw all galaxies in the colour of their expected interest, those that were rated, and those to be asked about.

    Very many are drawn as cells, each in the colour of the most interesting galaxy in it.

    Args:
        place: (N, 2) on a map.
        interest: (N,) expected rating; NaN where nothing is expected yet.
        rated: rows of the galaxies that have a rating.
        asked: rows of the next batch.
        out: where the PNG goes.
    """
    figure, (axis,) = page(1, 6.2)
    colour = np.nan_to_num(interest)
    shades: Any = {"cmap": "viridis", "vmin": 0.0, "vmax": max(float(np.quantile(colour, 0.999)), 1.0), "linewidths": 0}
    x, y = place.T
    drawn: ScalarMappable
    if len(place) > _MANY:
        drawn = axis.hexbin(x, y, C=colour, reduce_C_function=np.max, gridsize=110, **shades)
    else:
        top = np.argsort(colour, kind="stable")  # the interesting ones
        drawn = axis.scatter(x[top], y[top], c=colour[top], s=float(np.clip(40_000 / len(x), 5, 30)), **shades)
    around: Any = {"facecolors": "none", "s": 60, "linewidths": 1.3}
    axis.scatter(x[rated], y[rated], edgecolors=VERMILION, label=f"rated ({len(rated)})", **around)
    axis.scatter(x[asked], y[asked], edgecolors=SKY, marker="s", label=f"to rate next ({len(asked)})", **around)
    axis.set(xticks=[], yticks=[])
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, borderaxespad=0.3)
    figure.colorbar(drawn, ax=axis, label="expected rating", shrink=0.8, extend="max")
    write_figure(figure, out)


@styled
def hunt_curves(
    curves: Mapping[str, Mapping[str, Sequence[Interval]]],
    labels: Sequence[int],
    panels: Mapping[str, str],
    out: Path,
) -> None:
    """Draw a panel a score: along the number of ratings, a curve and the band of its interval for each method.

    Args:
        curves: method -> score -> its intervals, one for each number of ratings.
        labels: numbers of ratings.
        panels: score -> what its panel is called.
        out: where the PNG goes.
    """
    figure, axes = page(len(panels), 2.7, 0.7, sharex=True)
    for axis, (score, title) in zip(axes, panels.items(), strict=False):
        for colour, (method, scores) in zip(colours(len(curves)), curves.items(), strict=True):
            _band(axis, labels, scores[score], colour, method)
        axis.set_title(title)
        axis.set_ylim(bottom=0)
        axis.tick_params(labelbottom=True)
    figure.supxlabel("ratings", fontsize=10)
    common_legend(figure, axes, "outside upper center", 9)
    write_figure(figure, out)


def _band(axis: Axes, labels: Sequence[int], along: Sequence[Interval], colour: str, method: str) -> None:
    axis.plot(labels, [point.mean for point in along], color=colour, label=method)
    if all(math.isfinite(point.low) for point in along):
        low, high = [point.low for point in along], [point.high for point in along]
        axis.fill_between(labels, low, high, color=colour, alpha=0.18, linewidth=0)
