"""Numbers become pictures: every figure of a report, drawn in one quiet style that reads at the width of a web page.

The colours are those of Okabe and Ito (2008, "Color universal design"), which colour-blind readers tell apart.
Figures are made with matplotlib's object interface, so that drawing leaves no global state behind.
"""

import csv
import io
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from PIL import Image

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY = PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#777777",
)  # fmt: skip
WIDTH_PX, DPI, MOST_BYTES = 1200, 150, 400_000
STYLE: Any = {
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
Curve = Mapping[str, Sequence[float]]
HEADLINES = (
    "balanced_accuracy", "accuracy", "f1", "roc_auc", "r2", "mae", "auc_all", "iou_mean", "kmeans_silhouette",
    "kmeans_nmi_colour", "stability",
)  # fmt: skip
"""Metrics of a probe worth a bar or a curve; so is each parameter's R2."""


def is_headline(metric: str) -> bool:
    """Whether a metric "probe/<probe>/<name>" is worth a figure."""
    leaf = metric.rsplit("/", 1)[-1]
    return leaf in HEADLINES or leaf.startswith("r2_")


@rc_context(STYLE)
def loss_curves(metrics_csv: Path, out: Path) -> None:
    """Draw everything a training logged as small multiples over the step: loss, learning rate, health, online probes.

    Args:
        metrics_csv: a table with the column `step`; a cell may be empty; of a repeated step the last value counts.
        out: where the PNG goes.
    """
    panels = _panels(_series(metrics_csv))
    columns = min(3, max(1, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    figure, axes = _grid(rows, columns, height_in=0.4 + 2.1 * rows)
    for axis, (title, curves) in zip(axes, panels.items(), strict=False):
        for colour, (name, (step, value)) in zip(_colours(len(curves)), sorted(curves.items()), strict=True):
            _line(axis, step, value, colour, name if len(curves) > 1 else "")
        axis.set_title(title)
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        axis.locator_params(nbins=5)
        if len(curves) > 1:
            axis.legend(fontsize=8, handlelength=1.2, borderaxespad=0.2)
    for axis in axes[len(panels) - columns if len(panels) >= columns else 0 : len(panels)]:
        axis.set_xlabel("step")
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    if not panels:
        axes[0].text(0.5, 0.5, "no metrics were logged", ha="center", transform=axes[0].transAxes)
    _save(figure, out)


@rc_context(STYLE)
def confusion_matrix(counts: np.ndarray, classes: Sequence[str], out: Path) -> None:
    """(K, K) counts, rows true and columns predicted -> a table, coloured by the share of each row.

    Raises:
        ValueError: the counts are not K by K for the K classes.
    """
    if counts.shape != (len(classes), len(classes)):
        raise ValueError(f"counts have the shape {counts.shape}, but there are {len(classes)} classes")
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size_in = min(8.0, 3.0 + 0.85 * len(classes))
    figure, (axis,) = _grid(1, 1, height_in=size_in * 0.85)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    _ticks(axis, classes, classes)
    axis.set(xlabel="predicted", ylabel="true")
    small = 10 if len(classes) <= 6 else 60 / len(classes)
    for (row, column), part in np.ndenumerate(share):
        text = f"{part:.0%}\n{counts[row, column]:,.0f}" if len(classes) <= 12 else f"{100 * part:.0f}"
        axis.text(column, row, text, ha="center", va="center", fontsize=small, color="white" if part > 0.5 else "black")
    _save(figure, out)


@rc_context(STYLE)
def few_shot_curve(curves: Mapping[str, Curve], out: Path, baselines: Mapping[str, float] | None = None) -> None:
    """Draw the score against the number of labels, mean and one standard deviation, each curve labelled at its end.

    Args:
        curves: label -> {"n": numbers of labels, "mean": scores, "std": their spread}.
        out: where the PNG goes.
        baselines: label -> score that needs no labels, drawn dashed.
    """
    figure, (axis,) = _grid(1, 1, height_in=4.2)
    for colour, curve in zip(_colours(len(curves)), curves.values(), strict=True):
        n, mean, std = (np.asarray(curve[key], dtype=float) for key in ("n", "mean", "std"))
        axis.plot(n, mean, marker="o", markersize=4, color=colour)
        axis.fill_between(n, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
    ends = [(label, np.asarray(curve["mean"], dtype=float)[-1]) for label, curve in curves.items()]
    for label, value in (baselines or {}).items():
        axis.axhline(value, color=GREY, linestyle="--", linewidth=1.2)
        ends.append((label, value))
    axis.set_xscale("log")
    counts = sorted({n for curve in curves.values() for n in curve["n"]})
    axis.set_xticks(counts, [f"{n:,.0f}" for n in counts])
    axis.minorticks_off()
    axis.set(xlabel="labelled galaxies of each class", ylabel="score")
    _label_ends(axis, ends, [*_colours(len(curves)), *[GREY] * len(baselines or {})])
    _save(figure, out)


@rc_context(STYLE)
def curves_with_error(curves: Mapping[str, Curve], along: str, score: str, out: Path) -> None:
    """Draw a score along a quantity, mean and one standard deviation, each curve labelled at its end.

    Args:
        curves: label -> {"at": the quantity, "mean": scores, "std": their uncertainty}.
        along: name of the quantity.
        score: name of the score.
        out: where the PNG goes.
    """
    figure, (axis,) = _grid(1, 1, height_in=4.6)
    for colour, curve in zip(_colours(len(curves)), curves.values(), strict=True):
        at, mean, std = (np.asarray(curve[key], dtype=float) for key in ("at", "mean", "std"))
        axis.errorbar(at, mean, std, marker="o", markersize=4, color=colour, elinewidth=0.8)
    axis.set(xlabel=along, ylabel=score)
    _label_ends(axis, [(name, float(curve["mean"][-1])) for name, curve in curves.items()], _colours(len(curves)))
    _save(figure, out)


@rc_context(STYLE)
def regression_scatter(true: np.ndarray, predicted: np.ndarray, out: Path, name: str) -> None:
    """(N,) true and (N,) predicted values -> one against the other, with the line of agreement, R2 and mean error."""
    figure, (axis,) = _grid(1, 1, height_in=6.0)
    low, high = (float(f([f(true), f(predicted)])) for f in (np.min, np.max))
    if len(true) > 3000:
        axis.hexbin(true, predicted, gridsize=60, cmap="Blues", bins="log", mincnt=1, vmin=0.3, linewidths=0)
    else:
        axis.scatter(true, predicted, s=14, color=BLUE, alpha=0.45, linewidths=0)
    axis.plot([low, high], [low, high], color=VERMILION, linewidth=1.2)
    axis.text(high, high, "equal ", color=VERMILION, ha="right", va="bottom")
    residual, spread = predicted - true, true - true.mean()
    r2 = 1 - float((residual**2).sum() / max((spread**2).sum(), np.finfo(float).tiny))
    axis.set_title(f"{name}: R² {r2:.3f}, mean absolute error {np.abs(residual).mean():.3g}, {len(true):,} galaxies")
    axis.set(xlabel=f"true {name}", ylabel=f"predicted {name}", aspect="equal")
    _save(figure, out)


@rc_context(STYLE)
def answer_errors(answers: Sequence[str], mae: Sequence[float], mae_constant: Sequence[float], out: Path) -> None:
    """Draw each answer's mean absolute error beside that of always saying the mean, in the order given."""
    figure, (axis,) = _grid(1, 1, height_in=1.2 + 0.26 * len(answers))
    place = np.arange(len(answers))
    bars = axis.barh(place, mae, height=0.65, color=BLUE, label="this model")
    marks = axis.scatter(
        mae_constant, place, marker="|", s=110, linewidths=2.5, color=VERMILION, label="always the mean"
    )
    axis.set_yticks(place, answers)
    axis.set_ylim(len(answers) - 0.4, -0.6)
    axis.grid(visible=False, axis="y")
    axis.set_xlim(left=0)
    axis.set_xlabel("mean absolute error of the vote share")
    axis.legend(handles=[bars, marks], loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    _save(figure, out)


@rc_context(STYLE)
def probe_bars(metrics: Mapping[str, Mapping[str, float]], out: Path) -> None:
    """Draw one panel per metric with one bar per encoder, so that what training gained is seen at once.

    Args:
        metrics: encoder (trained, untrained, pixels) -> metric -> value; a metric an encoder lacks has no bar.
        out: where the PNG goes.
    """
    names = list(dict.fromkeys(name for values in metrics.values() for name in values))
    encoders = list(metrics)
    columns = min(3, max(1, len(names)))
    rows = max(1, math.ceil(len(names) / columns))
    figure, axes = _grid(rows, columns, height_in=rows * (0.75 + 0.3 * len(encoders)), share_y=True)
    for axis, name in zip(axes, names, strict=False):
        values = [metrics[encoder].get(name, math.nan) for encoder in encoders]
        axis.barh(encoders, values, color=_colours(len(encoders)), height=0.7)
        far = max(abs(value) for value in [*values, 0.0] if math.isfinite(value)) or 1.0
        for place, value in enumerate(values):
            text = f" {value:.3f}" if math.isfinite(value) else " none"
            axis.text(max(value, 0.0) if math.isfinite(value) else 0.0, place, text, va="center", fontsize=9)
        axis.set_xlim(min(0.0, *(value for value in [*values, 0.0] if math.isfinite(value))), 1.3 * far)
        axis.set_title(name)
        axis.grid(visible=False)
        axis.tick_params(length=0, labelbottom=False)
        axis.spines[["bottom", "left"]].set_visible(False)
    axes[0].set_ylim(len(encoders) - 0.4, -0.6)
    for axis in axes[len(names) :]:
        axis.set_axis_off()
    _save(figure, out)


@rc_context(STYLE)
def contact_sheet(
    rows: Sequence[Sequence[np.ndarray]], row_names: Sequence[str], column_names: Sequence[str], out: Path
) -> None:
    """Draw a table of images, each (H, W, 3) uint8, every pixel a whole number of screen pixels where there is room."""
    columns = max(len(row) for row in rows)
    tall, wide = max((image.shape[:2] for row in rows for image in row), key=lambda shape: shape[1])
    left = 20 + (max(len(name) for name in row_names) * 13 if any(row_names) else 0)
    top, gap = (44 if any(column_names) else 12), 6
    room = (WIDTH_PX - left) / columns - gap
    scale = max(1, int(room // wide)) if room >= wide else room / wide
    cell_w, cell_h = int(wide * scale), int(tall * scale)
    width, height = left + columns * (cell_w + gap), top + len(rows) * (cell_h + gap)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    for i, row in enumerate(rows):
        y = height - top - i * (cell_h + gap) - cell_h
        figure.text((left - 12) / width, (y + cell_h / 2) / height, row_names[i], ha="right", va="center")
        for j, image in enumerate(row):
            axis = figure.add_axes(((left + j * (cell_w + gap)) / width, y / height, cell_w / width, cell_h / height))
            axis.imshow(image, interpolation="nearest" if scale >= 1 else "antialiased", aspect="auto")
            axis.set_axis_off()
    for j, name in enumerate(column_names):
        figure.text((left + j * (cell_w + gap) + cell_w / 2) / width, (height - top + 12) / height, name, ha="center")
    _save(figure, out)


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


def _label_ends(axis: Axes, ends: Sequence[tuple[str, float]], colours: Sequence[str]) -> None:
    """Names at the right edge in the colours of their curves, pushed apart where they would overlap."""
    low, high = axis.get_ylim()
    step, previous = 0.055 * (high - low), -math.inf
    for index in sorted(range(len(ends)), key=lambda index: ends[index][1]):
        label, value = ends[index]
        previous = max(value, previous + step)
        axis.text(
            1.01, (previous - low) / (high - low), label, color=colours[index], va="center", transform=axis.transAxes
        )
    axis.set_ylim(low, high)


def _ticks(axis: Axes, below: Sequence[str], left: Sequence[str]) -> None:
    long = max(len(name) for name in below) > 60 / len(below)
    axis.set_xticks(range(len(below)), below, rotation=35 if long else 0, ha="right" if long else "center")
    axis.set_yticks(range(len(left)), left)
    axis.grid(visible=False)
    axis.tick_params(length=0)


def _colours(n: int) -> list[str]:
    return [PALETTE[index % len(PALETTE)] for index in range(n)]


def _grid(rows: int, columns: int, height_in: float, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(WIDTH_PX / DPI, height_in), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=share_y)
    return figure, list(axes.flat)


def _save(figure: Figure, out: Path) -> None:
    """Write a PNG; a large one (photographs, whose sky noise does not compress) gets coarser brightness steps."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, facecolor="white")
    pixels = np.asarray(Image.open(buffer).convert("RGB"))
    for levels in (127, 63, 31, 15):
        if buffer.tell() <= MOST_BYTES:
            break
        buffer = io.BytesIO()
        coarse = np.rint(np.rint(pixels / 255 * levels) * 255 / levels).astype(np.uint8)
        Image.fromarray(coarse).save(buffer, format="png", optimize=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(buffer.getvalue())
