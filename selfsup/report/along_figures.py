"""Scores along a quantity, and numbers beside their truth: every point with its interval and how many it stands for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selfsup.report.style import (
    ACROSS,
    BLUE,
    DPI,
    GREY,
    VERMILION,
    WIDTH_PX,
    colours,
    common_legend,
    page,
    styled,
    write_figure,
)

_MANY = 3000
"""Galaxies above which a scatter plot shows their density."""


class Bin(Protocol):
    """The galaxies in a range of the quantity."""

    @property
    def at(self) -> float:
        """Their median."""

    @property
    def galaxies(self) -> int:
        """How many."""

    @property
    def score(self) -> float:
        """Of them."""

    @property
    def lower(self) -> float:
        """End of its interval."""

    @property
    def upper(self) -> float:
        """End of its interval."""


Lines = Mapping[str, Sequence[Bin]]


@styled
def score_panels(panels: Mapping[str, Lines], along: str, score: str, out: Path) -> None:
    """Question -> who -> bins: a panel a question, a line a predictor; along the edge, how many galaxies a bin has."""
    figure, axes = page(len(panels), 2.5, 0.5)
    tints = _tints([who for lines in panels.values() for who in lines])
    for axis, (title, lines) in zip(axes, panels.items(), strict=False):
        _lines(axis, lines, tints)
        axis.set_title(title)
    figure.supxlabel(along, fontsize=10)
    figure.supylabel(score, fontsize=10)
    common_legend(figure, axes, "outside upper left", 9)
    write_figure(figure, out)


@styled
def value_panels(
    values: Mapping[str, tuple[np.ndarray, np.ndarray]], bias: Lines, scatter: Lines, name: str, out: Path
) -> None:
    """A number that several predict: predicted against true, and below bias and scatter along the truth.

    Args:
        values: who -> (N,) true and (N,) predicted; the first three are drawn above.
        bias: who -> bins of the mean of predicted - true.
        scatter: who -> bins of its standard deviation.
        name: of the number.
        out: where the PNG goes.
    """
    figure = Figure(figsize=(WIDTH_PX / DPI, 7.4), dpi=DPI, layout="constrained")
    halves = figure.add_gridspec(2, 1, height_ratios=(1.15, 1))
    above, below = figure.add_subfigure(halves[0]), figure.add_subfigure(halves[1])
    shown = dict(list(values.items())[:ACROSS])
    axes = above.subplots(1, len(shown), squeeze=False, sharex=True, sharey=True)[0]
    for axis, (who, (true, predicted)) in zip(axes, shown.items(), strict=True):
        _scatter(axis, true, predicted)
        axis.set_title(f"{who}: {len(true):,} galaxies")
        axis.set_xlabel(f"true {name}")
    axes[0].set_ylabel(f"predicted {name}")
    left, right = below.subplots(1, 2)
    for axis, lines, title in ((left, bias, "bias: mean of predicted - true"), (right, scatter, "scatter around it")):
        _lines(axis, lines, _tints(list(values)))
        axis.set(title=title, xlabel=f"true {name}")
    left.axhline(0, color=GREY, linestyle="--", linewidth=1)
    if len(values) > 1:
        left.legend(fontsize=8)
    write_figure(figure, out)


def _lines(axis: Axes, lines: Lines, tints: Mapping[str, str]) -> None:
    """Bins as points with intervals; along the edge, how many galaxies those of the first line stand for."""
    for i, (who, bins) in enumerate(lines.items()):
        at = np.array([each.at for each in bins])
        score = np.array([each.score for each in bins])
        ends = np.array([[each.score - each.lower, each.upper - each.score] for each in bins]).reshape(-1, 2)
        error = np.nan_to_num(ends).clip(min=0).T
        axis.errorbar(at, score, error, color=tints[who], marker="o", markersize=3.5, linewidth=1.4, elinewidth=0.9,
                      label=who)  # fmt: skip
        if i == 0:
            _counts(axis, bins)
    axis.margins(y=0.15)


def _counts(axis: Axes, bins: Sequence[Bin]) -> None:
    for each in bins:
        axis.annotate(
            f"{each.galaxies:,}", (each.at, 0), xycoords=("data", "axes fraction"), xytext=(0, 2),
            textcoords="offset points", ha="center", fontsize=6, color=GREY, rotation=90,
        )  # fmt: skip


def _scatter(axis: Axes, true: np.ndarray, predicted: np.ndarray) -> None:
    ends = [float(f([f(true), f(predicted)])) for f in (np.min, np.max)]
    if len(true) > _MANY:
        axis.hexbin(true, predicted, gridsize=45, cmap="Blues", bins="log", mincnt=1, vmin=0.3, linewidths=0)
    else:
        axis.scatter(true, predicted, s=9, color=BLUE, alpha=0.4, linewidths=0)
    axis.plot(ends, ends, color=VERMILION, linewidth=1.2)


def _tints(names: Sequence[str]) -> dict[str, str]:
    """A colour for each different name."""
    different = dict.fromkeys(names)
    return dict(zip(different, colours(len(different)), strict=True))
