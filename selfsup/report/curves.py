"""The course of a training as small multiples: everything that it logged, over the step."""

import csv
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from selfsup.report.style import across, colours, page, styled, write_figure

HEADLINES = (
    "balanced_accuracy", "accuracy", "f1", "roc_auc", "r2", "mae", "auc_all", "iou_mean", "kmeans_silhouette",
    "kmeans_nmi_colour", "stability",
)  # fmt: skip
"""Metrics of a probe worth a bar or a curve; so is each parameter's R2."""
_ROWS, _ROW = 3, 0.1
"""Names below each other in a legend, at most, before there are two columns; the share of a panel that each takes."""


def is_headline(metric: str) -> bool:
    """Whether a metric "probe/<probe>/<name>" is worth a figure."""
    leaf = metric.rsplit("/", 1)[-1]
    return leaf in HEADLINES or leaf.startswith("r2_")


@styled
def loss_curves(metrics_csv: Path, out: Path) -> None:
    """Draw everything a training logged as small multiples over the step: loss, learning rate, health, online probes.

    Args:
        metrics_csv: a table with the column `step`; a cell may be empty; of a repeated step the last value counts.
        out: where the PNG goes.
    """
    panels = _panels(_series(metrics_csv))
    columns = across(len(panels))
    figure, axes = page(len(panels), 2.1, 0.4)
    for axis, (title, curves) in zip(axes, panels.items(), strict=False):
        for colour, (name, (step, value)) in zip(colours(len(curves)), sorted(curves.items()), strict=True):
            _line(axis, step, value, colour, name if len(curves) > 1 else "")
        axis.set_title(title)
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        axis.locator_params(nbins=5)
        if len(curves) > 1:
            _legend_above(axis, len(curves))
    for axis in axes[max(0, len(panels) - columns) : len(panels)]:
        axis.set_xlabel("step")
    if not panels:
        axes[0].text(0.5, 0.5, "no metrics were logged", ha="center", transform=axes[0].transAxes)
    write_figure(figure, out)


def _legend_above(axis: Axes, count: int) -> None:
    """Two names beside each other where there are many; the curves make room for them."""
    columns = 1 + (count > _ROWS)
    low, high = axis.get_ylim()
    axis.set_ylim(low, low + (high - low) / (1 - min(0.6, _ROW * math.ceil(count / columns))))
    axis.legend(
        loc="upper left", ncols=columns, fontsize=7, handlelength=1,
        borderaxespad=0.1, columnspacing=0.6, labelspacing=0.3, handletextpad=0.4,
    ).set_in_layout(False)  # fmt: skip


def _series(metrics_csv: Path) -> dict[str, dict[int, float]]:
    """Column -> step -> the last finite value logged there."""
    series: dict[str, dict[int, float]] = defaultdict(dict)
    if not metrics_csv.is_file():  # a training of fewer steps than are logged
        return series
    with metrics_csv.open(newline="") as file:
        for row in csv.DictReader(file):
            step = int(float(row["step"]))
            for name, cell in row.items():
                if name not in ("step", "epoch") and cell and math.isfinite(float(cell)):
                    series[name][step] = float(cell)
    return series


def _panels(series: dict[str, dict[int, float]]) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Panel title -> curve name -> (steps, values): losses together, rates together, each probe, others alone."""
    panels: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {"loss": {}, "learning rate": {}}
    shown = [name for name in series if "probe/" not in name or is_headline(name)]
    for name in sorted(shown, key=lambda name: ("probe/" in name, name)):
        head, _, leaf = name.rpartition("/")
        title = name
        if "loss" in leaf:
            title = "loss"
        elif leaf.startswith(("lr", "learning_rate")):
            title = "learning rate"
        elif "probe/" in name:
            title = head.partition("probe/")[2]
        step, value = (np.array(part) for part in zip(*sorted(series[name].items()), strict=True))
        panels.setdefault(title, {})[leaf or name] = (step, value)
    return {title: curves for title, curves in panels.items() if curves}


def _line(axis: Axes, step: np.ndarray, value: np.ndarray, colour: str, label: str) -> None:
    """A curve; a long one is drawn faint under its running mean."""
    window = len(value) // 40
    if window < 3 or np.ptp(np.diff(value)) < 0.01 * np.ptp(value):  # short, or a schedule without noise
        axis.plot(step, value, color=colour, label=label, marker="o" if len(value) < 30 else "", markersize=3)
        return
    axis.plot(step, value, color=colour, alpha=0.25, linewidth=0.8)
    mean = np.convolve(value, np.ones(window) / window, mode="valid")
    axis.plot(step[window // 2 : window // 2 + len(mean)], mean, color=colour, label=label)
