"""A population in figures: how common an answer is along a quantity, and how two questions go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from selfsup.report.style import GREY, VERMILION, colours, page, styled, write_figure


class Point(Protocol):
    """Where a bin lies, what it is worth, and its interval."""

    @property
    def at(self) -> float: ...  # noqa: D102
    @property
    def value(self) -> float: ...  # noqa: D102
    @property
    def low(self) -> float: ...  # noqa: D102
    @property
    def high(self) -> float: ...  # noqa: D102


@styled
def draw_shares(curves: Mapping[str, Sequence[Point]], along: str, share: str, out: Path) -> None:
    """Who -> bins along a quantity: shares of galaxies with their 95 % intervals."""
    figure, (axis,) = page(1, 3.6)
    for colour, (who, bins) in zip(colours(len(curves)), curves.items(), strict=True):
        at, value, low, high = (
            np.array([getattr(each, key) for each in bins]) for key in ("at", "value", "low", "high")
        )
        axis.errorbar(at, value, [value - low, high - value], marker="o", markersize=4, color=colour, label=who)
    axis.set(xlabel=along, ylabel=share, ylim=(0, None))
    axis.legend()
    write_figure(figure, out)


@styled
def draw_relation(
    galaxies: Mapping[str, tuple[np.ndarray, np.ndarray]],
    means: Mapping[str, Sequence[Point]],
    names: tuple[str, str],
    out: Path,
) -> None:
    """Who -> (n,) and (n,) values of two questions, a panel each, with the mean of the second along the first.

    Args:
        galaxies: who -> the values.
        means: who -> bins along the first.
        names: of the two questions.
        out: where the PNG goes.
    """
    figure, axes = page(len(galaxies), 3.6, sharex=True, sharey=True)
    for axis, (who, (x, y)) in zip(axes, galaxies.items(), strict=False):
        axis.hexbin(x, y, gridsize=30, cmap="Greys", bins="log", mincnt=1, vmin=0.3, linewidths=0)
        at, value, low, high = (
            np.array([getattr(b, key) for b in means[who]]) for key in ("at", "value", "low", "high")
        )
        axis.errorbar(at, value, [value - low, high - value], marker="o", markersize=4, color=VERMILION)
        axis.set(title=f"{who}: {len(x):,} galaxies", xlabel=names[0])
        axis.grid(color=GREY, alpha=0.2)
    axes[0].set_ylabel(names[1])
    write_figure(figure, out)
