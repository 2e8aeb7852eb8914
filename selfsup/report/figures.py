"""The figures that several tasks share: scores as curves and bars, values beside their truth, images in rows."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selfsup.report.style import BLUE, DPI, GREY, VERMILION, WIDTH_PX, colours, page, styled, write_figure

Curve = Mapping[str, Sequence[float]]


@styled
def confusion_matrix(counts: np.ndarray, classes: Sequence[str], out: Path) -> None:
    """(K, K) counts, rows true and columns predicted -> a table, coloured by the share of each row.

    Raises:
        ValueError: the counts are not K by K for the K classes.
    """
    if counts.shape != (len(classes), len(classes)):
        raise ValueError(f"counts have the shape {counts.shape}, but there are {len(classes)} classes")
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size_in = min(8.0, 3.0 + 0.85 * len(classes))
    figure, (axis,) = page(1, size_in * 0.85)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    _ticks(axis, classes, classes)
    axis.set(xlabel="predicted", ylabel="true")
    small = 10 if len(classes) <= 6 else 60 / len(classes)
    for (row, column), part in np.ndenumerate(share):
        text = f"{part:.0%}\n{counts[row, column]:,.0f}" if len(classes) <= 12 else f"{100 * part:.0f}"
        axis.text(column, row, text, ha="center", va="center", fontsize=small, color="white" if part > 0.5 else "black")
    write_figure(figure, out)


@styled
def few_shot_curve(curves: Mapping[str, Curve], out: Path, baselines: Mapping[str, float] | None = None) -> None:
    """Draw the score against the number of labels, mean and one standard deviation, each curve labelled at its end.

    Args:
        curves: label -> {"n": numbers of labels, "mean": scores, "std": their spread}.
        out: where the PNG goes.
        baselines: label -> score that needs no labels, drawn dashed.
    """
    figure, (axis,) = page(1, 4.2)
    for colour, curve in zip(colours(len(curves)), curves.values(), strict=True):
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
    _label_ends(axis, ends, [*colours(len(curves)), *[GREY] * len(baselines or {})])
    write_figure(figure, out)


@styled
def curves_with_error(curves: Mapping[str, Curve], along: str, score: str, out: Path) -> None:
    """Draw a score along a quantity, mean and one standard deviation, each curve labelled at its end.

    Args:
        curves: label -> {"at": the quantity, "mean": scores, "std": their uncertainty}.
        along: name of the quantity.
        score: name of the score.
        out: where the PNG goes.
    """
    figure, (axis,) = page(1, 4.6)
    for colour, curve in zip(colours(len(curves)), curves.values(), strict=True):
        at, mean, std = (np.asarray(curve[key], dtype=float) for key in ("at", "mean", "std"))
        axis.errorbar(at, mean, std, marker="o", markersize=4, color=colour, elinewidth=0.8)
    axis.set(xlabel=along, ylabel=score)
    _label_ends(axis, [(name, float(curve["mean"][-1])) for name, curve in curves.items()], colours(len(curves)))
    write_figure(figure, out)


@styled
def regression_scatter(true: np.ndarray, predicted: np.ndarray, out: Path, name: str) -> None:
    """(N,) true and (N,) predicted values -> one against the other, with the line of agreement, R2 and mean error."""
    figure, (axis,) = page(1, 6.0)
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
    write_figure(figure, out)


@styled
def answer_errors(answers: Sequence[str], mae: Sequence[float], mae_constant: Sequence[float], out: Path) -> None:
    """Draw each answer's mean absolute error beside that of always saying the mean, in the order given."""
    figure, (axis,) = page(1, 1.2 + 0.26 * len(answers))
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
    write_figure(figure, out)


@styled
def probe_bars(metrics: Mapping[str, Mapping[str, float]], out: Path) -> None:
    """Draw one panel per metric with one bar per encoder, so that what training gained is seen at once.

    Args:
        metrics: encoder (trained, untrained, pixels) -> metric -> value; a metric an encoder lacks has no bar.
        out: where the PNG goes.
    """
    names = list(dict.fromkeys(name for values in metrics.values() for name in values))
    encoders = list(metrics)
    figure, axes = page(len(names), 0.75 + 0.3 * len(encoders), sharey=True)
    for axis, name in zip(axes, names, strict=False):
        values = [metrics[encoder].get(name, math.nan) for encoder in encoders]
        axis.barh(encoders, values, color=colours(len(encoders)), height=0.7)
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
    write_figure(figure, out)


@styled
def contact_sheet(
    rows: Sequence[Sequence[np.ndarray]], row_names: Sequence[str], column_names: Sequence[str], out: Path
) -> None:
    """Draw a table of images, each (H, W, 3) uint8, every pixel a whole number of screen pixels where there is room.

    Names of rows or of columns may be none at all.
    """
    columns = max(len(row) for row in rows)
    tall, wide = max((image.shape[:2] for row in rows for image in row), key=lambda shape: shape[1])
    left = 20 + 13 * max(map(len, row_names), default=0)
    top, gap = (44 if any(column_names) else 12), 6
    room = (WIDTH_PX - left) / columns - gap
    scale = max(1, int(room // wide)) if room >= wide else room / wide
    cell_w, cell_h = int(wide * scale), int(tall * scale)
    width, height = left + columns * (cell_w + gap), top + len(rows) * (cell_h + gap)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    bottom = [height - top - i * (cell_h + gap) - cell_h for i in range(len(rows))]
    for y, name in zip(bottom, row_names, strict=False):
        figure.text((left - 12) / width, (y + cell_h / 2) / height, name, ha="right", va="center")
    for y, row in zip(bottom, rows, strict=True):
        for j, image in enumerate(row):
            axis = figure.add_axes(((left + j * (cell_w + gap)) / width, y / height, cell_w / width, cell_h / height))
            axis.imshow(image, interpolation="nearest" if scale >= 1 else "antialiased", aspect="auto")
            axis.set_axis_off()
    for j, name in enumerate(column_names):
        figure.text((left + j * (cell_w + gap) + cell_w / 2) / width, (height - top + 12) / height, name, ha="center")
    write_figure(figure, out)


def galaxy_sheet(columns: Mapping[str, np.ndarray], out: Path, side_by_side: int = 1) -> None:
    """Name -> (N, H, W, 3) uint8: a contact sheet of N galaxies, each in all columns, so many galaxies a line."""
    galaxies = list(zip(*columns.values(), strict=True))
    lines = [galaxies[at : at + side_by_side] for at in range(0, len(galaxies), side_by_side)]
    rows = [[picture for galaxy in line for picture in galaxy] for line in lines]
    contact_sheet(rows, [], list(columns) * len(lines[0]), out)


def _label_ends(axis: Axes, ends: Sequence[tuple[str, float]], tints: Sequence[str]) -> None:
    """Names at the right edge in the colours of their curves, pushed apart where they would overlap."""
    low, high = axis.get_ylim()
    step, previous = 0.055 * (high - low), -math.inf
    for index in sorted(range(len(ends)), key=lambda index: ends[index][1]):
        label, value = ends[index]
        previous = max(value, previous + step)
        axis.text(
            1.01, (previous - low) / (high - low), label, color=tints[index], va="center", transform=axis.transAxes
        )
    axis.set_ylim(low, high)


def _ticks(axis: Axes, below: Sequence[str], left: Sequence[str]) -> None:
    long = max(len(name) for name in below) > 60 / len(below)
    axis.set_xticks(range(len(below)), below, rotation=35 if long else 0, ha="right" if long else "center")
    axis.set_yticks(range(len(left)), left)
    axis.grid(visible=False)
    axis.tick_params(length=0)
