"""Predicted votes beside observed ones: one network against all, calibration curves, and what intervals cover.

The first is the figure of Galaxy Zoo DECaLS (Walmsley et al. 2022, arXiv:2102.08414, figure 12): a single network is
often sure of a wrong number of votes; the mixture of many is wider, and holds the number that came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selfsup.report.style import ACROSS, BLUE, DPI, PALETTE, VERMILION, WIDTH_PX, page, styled, write_figure

_ROW_IN = 1.9
_LEGEND_IN = 0.4


@dataclass(frozen=True)
class Forecast:
    """A galaxy, what was forecast of one answer, and what came.

    Args:
        title: the question and its answer.
        image: (H, W, 3) uint8.
        pmfs: (S, n + 1) each network's probability of 0 ... n votes.
        observed: votes that the answer got.
    """

    title: str
    image: np.ndarray
    pmfs: np.ndarray
    observed: int


class Binned(Protocol):
    """A calibration curve."""

    @property
    def predicted(self) -> np.ndarray:
        """(b,) what was predicted."""

    @property
    def observed(self) -> np.ndarray:
        """(b,) what happened."""


@styled
def one_against_all(forecasts: Sequence[Forecast], out: Path) -> None:
    """A galaxy a row: its picture, p(k) of the first network, and p(k) of all (thin) with their mixture (thick)."""
    rows = len(forecasts)
    figure = Figure(figsize=(WIDTH_PX / DPI, _LEGEND_IN + _ROW_IN * rows), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, 3, squeeze=False, width_ratios=(1, 2, 2))
    for (picture, one, every), forecast in zip(axes, forecasts, strict=True):
        picture.imshow(forecast.image)
        picture.set_axis_off()
        one.set_title(forecast.title)
        _outcomes(one, forecast.pmfs[:1], forecast.observed, "one network")
        _outcomes(every, forecast.pmfs, forecast.observed, f"{len(forecast.pmfs)} networks")
        one.set_ylim(0, 1.1 * forecast.pmfs.max())
        every.set_ylim(one.get_ylim())
        every.tick_params(labelleft=False)
        one.set_ylabel("probability")
    for axis in axes[-1, 1:]:
        axis.set_xlabel("votes")
    for axis in axes[0, 1:]:
        axis.legend(loc="best", fontsize=8)
    write_figure(figure, out)


@styled
def calibration_curves(curves: Mapping[str, Mapping[str, Binned]], out: Path) -> None:
    """Question -> who predicted -> curve: a panel a question, what happened against what was predicted."""
    figure, axes = page(len(curves), 2.6, _LEGEND_IN, ACROSS, sharex=True, sharey=True)
    for axis, (question, lines) in zip(axes, curves.items(), strict=False):
        axis.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--")
        for colour, (who, curve) in zip(PALETTE, lines.items(), strict=False):
            axis.plot(curve.predicted, curve.observed, color=colour, marker="o", markersize=3, label=who)
        axis.set_title(question)
    for axis in axes[max(0, len(curves) - ACROSS) : len(curves)]:
        axis.tick_params(labelbottom=True)  # also above a place that is empty
    figure.supxlabel("predicted", fontsize=10)
    figure.supylabel("observed", fontsize=10)
    axes[0].legend(fontsize=8)
    write_figure(figure, out)


@styled
def coverage_bars(coverage: Mapping[str, Mapping[float, float]], out: Path) -> None:
    """Who predicted -> level -> share of counts inside: bars beside the line that the level promises."""
    levels = list(dict.fromkeys(level for values in coverage.values() for level in values))
    figure, (axis,) = page(1, 3.4)
    width = 0.8 / max(1, len(coverage))
    for place, (colour, (who, values)) in enumerate(zip(PALETTE, coverage.items(), strict=False)):
        at = np.arange(len(levels)) - 0.4 + (place + 0.5) * width
        bars = axis.bar(at, [values[level] for level in levels], 0.92 * width, color=colour, label=who)
        axis.bar_label(bars, fmt="{:.2f}", fontsize=8, label_type="center", color="white")
    for place, level in enumerate(levels):
        axis.plot([place - 0.45, place + 0.45], [level, level], color="black", linewidth=1.2)
    axis.set_xticks(range(len(levels)), [f"{level:.0%} interval" for level in levels])
    axis.set(ylim=(0, 1.12), ylabel="share of counts inside")
    axis.grid(visible=False, axis="x")
    figure.legend(loc="outside upper left", ncols=max(1, len(coverage)), fontsize=8)
    write_figure(figure, out)


def _outcomes(axis: Axes, pmfs: np.ndarray, observed: int, who: str) -> None:
    """(S, n + 1) -> each row thin, their mean thick, and a line where the votes came out."""
    votes = np.arange(pmfs.shape[1])
    if len(pmfs) > 1:
        axis.plot(votes, pmfs.T, color=BLUE, linewidth=0.7, alpha=0.5)
    axis.plot(votes, pmfs.mean(0), color=BLUE, linewidth=2.4, label=who)
    axis.axvline(observed, color=VERMILION, linewidth=1.4, linestyle="--", label="observed")
