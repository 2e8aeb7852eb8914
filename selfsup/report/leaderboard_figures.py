"""The leaderboard in pictures: scores with intervals, score against compute and against labels, agreement of ranks."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from selfsup.report.leaderboard import Board, rank_correlations
from selfsup.report.methods import PIXELS, UNTRAINED, Column, Method
from selfsup.report.standings import BEST, LEVEL_WITH_BEST
from selfsup.report.statistics import Interval
from selfsup.report.style import DPI, GREY, PALETTE, Captioned, common_legend, page, styled, write_figure

MARKERS = "osD^vP"
DASHES = ("--", "-.", (0, (6, 1)), (0, (1, 3)), (0, (3, 1, 1, 1, 1, 1)), (0, (8, 4)))
"""Of encoders that nobody trained."""
TRAINED = [colour for colour in PALETTE if colour != GREY]
NAME_WIDTH = 36
"""Letters of a method's name on a line."""


def draw_board(board: Board, folder: Path) -> Captioned:
    """All figures for which there is something to draw, with their captions."""
    drawn: Captioned = []

    def add(name: str, caption: str, draw: Callable[[Path], None]) -> None:
        out = folder / f"{name}.png"
        draw(out)
        drawn.append((out, caption))

    bold = "Filled: the best, and all that is not shown to be worse."
    add("scores", f"Scores, with 95 % intervals over seeds where there are several. {bold}", lambda o: scores(board, o))
    cost = measure_of_cost(board)
    if cost is not None:
        add("compute", f"Score against {cost} of training; lines: without.", lambda o: compute(board, cost, o))
    if any(len(cell.by_labels) > 1 for cell in board.cells.values()):
        add("labels", "Score against labels of each class.", lambda o: labels(board, o))
    if any(math.isfinite(rho) for rho, _ in rank_correlations(board).values()):
        add("ranks", "Do benchmarks rank the methods alike? Spearman's coefficient.", lambda o: ranks(board, o))
    return drawn


@styled
def scores(board: Board, out: Path) -> None:
    """A panel per benchmark, a line per method."""
    names = ["\n".join(wrap(board.label(method), NAME_WIDTH)) for method in board.methods]
    lines = max(name.count("\n") + 1 for name in names)
    figure, axes = page(len(board.columns), 0.75 + (0.14 + 0.12 * lines) * len(names), 0.5, sharey=True)
    for axis, column in zip(axes, board.columns, strict=False):
        for place, method in enumerate(board.methods):
            cell = board.cells.get((method, column))
            if cell is None:
                continue
            mean, reach = cell.interval.mean, cell.interval.reach
            shown = cell.standing in (BEST, LEVEL_WITH_BEST)
            face = _colour(board, method) if shown else "white"
            axis.errorbar(
                mean, place, xerr=reach if math.isfinite(reach) else None, markersize=6,
                marker=_marker(board, method),
                color=_colour(board, method), markerfacecolor=face, elinewidth=1.4, linestyle="",
            )  # fmt: skip
        axis.set_title(_title(board, column))
        axis.locator_params(axis="x", nbins=4)
    axes[0].set_yticks(range(len(names)), names)
    for axis in axes:
        axis.tick_params(axis="y", labelsize=9 if lines == 1 else 7)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    write_figure(figure, out)


def measure_of_cost(board: Board) -> str | None:
    """What costs of these trainings can be compared by; None where nothing is known of them.

    Time on processors, where nothing else computed; on the clock, on one kind of machine; galaxies elsewhere.
    """
    costs = list(board.costs.values())
    machines = {machine for cost in costs for machine in str(cost.get("hardware", "")).split("; ")}
    if all(machine.startswith("cpu") for machine in machines) and all("processor minutes" in cost for cost in costs):
        found = "processor minutes"
    else:
        found = "minutes" if len(machines) == 1 and machines != {""} else "galaxies seen"
    return found if any(found in cost for cost in costs) else None


@styled
def compute(board: Board, cost: str, out: Path) -> None:
    """A panel per benchmark: what training bought, by `measure_of_cost`."""
    figure, axes = page(len(board.columns), 2.9, 0.5)
    for axis, column in zip(axes, board.columns, strict=False):
        for method in board.methods:
            cell, seen = board.cells.get((method, column)), board.costs.get(method, {}).get(cost)
            if cell is None or (seen is None and _trains(method)):
                continue
            if not isinstance(seen, float):
                dashes = DASHES[_place(board, method)[1] % len(DASHES)] if method.objective == UNTRAINED else ":"
                axis.axhline(cell.interval.mean, color=GREY, linestyle=dashes, linewidth=1.2, label=board.label(method))
                continue
            reach = cell.interval.reach
            axis.errorbar(
                seen, cell.interval.mean, yerr=reach if math.isfinite(reach) else None,
                marker=_marker(board, method),
                color=_colour(board, method), label=board.label(method), linestyle="",
            )  # fmt: skip
        low, high = axis.get_xlim()
        if high > 30 * max(low, 0) and low > 0:
            axis.set_xscale("log")
        else:
            axis.locator_params(axis="x", nbins=4)
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        axis.set_title(_title(board, column))
        axis.set_xlabel(cost)
    common_legend(figure, axes, "outside lower center", 8)
    write_figure(figure, out)


@styled
def labels(board: Board, out: Path) -> None:
    """A panel per few-shot benchmark."""
    columns = [c for c in board.columns if any(len(_few(board, m, c)) > 1 for m in board.methods)]
    figure, axes = page(len(columns), 3.2, 0.5)
    for axis, column in zip(axes, columns, strict=False):
        counts: set[int] = set()
        for method in board.methods:
            found = _few(board, method, column)
            if not found:
                continue
            counts |= found.keys()
            mean = np.array([each.mean for each in found.values()])
            reach = np.nan_to_num(np.array([each.reach for each in found.values()]))
            colour = _colour(board, method)
            look: dict[str, Any] = {"color": colour, "marker": _marker(board, method), "markersize": 4}
            axis.plot(list(found), mean, **look, label=board.label(method))
            axis.fill_between(list(found), mean - reach, mean + reach, color=colour, alpha=0.15, linewidth=0)
        axis.set_xscale("log")
        axis.set_xticks(sorted(counts), [f"{n:,}" for n in sorted(counts)])
        axis.minorticks_off()
        axis.set_title(_title(board, column))
        axis.set_xlabel("labels of each class")
    common_legend(figure, axes, "outside lower center", 8)
    write_figure(figure, out)


@styled
def ranks(board: Board, out: Path) -> None:
    """(columns, columns): Spearman's coefficient over methods; a pair with fewer than three methods is blank."""
    count = len(board.columns)
    table = np.full((count, count), math.nan)
    for (one, other), (rho, _) in rank_correlations(board).items():
        i, j = board.columns.index(one), board.columns.index(other)
        table[i, j] = table[j, i] = rho
    np.fill_diagonal(table, 1.0)
    size_in = min(8.0, 3.0 + 0.6 * count)
    figure = Figure(figsize=(size_in, size_in), dpi=DPI, layout="constrained")
    axis = figure.subplots()
    axis.imshow(table, cmap="RdBu", vmin=-1, vmax=1)
    names = [board.titles[column] for column in board.columns]
    axis.set_xticks(range(count), names, rotation=35, ha="right")
    axis.set_yticks(range(count), names)
    axis.grid(visible=False)
    for (i, j), rho in np.ndenumerate(table):
        if math.isfinite(rho):
            axis.text(j, i, f"{rho:.2f}", ha="center", va="center", color="white" if abs(rho) > 0.6 else "black")
    write_figure(figure, out)


def _few(board: Board, method: Method, column: Column) -> dict[int, Interval]:
    cell = board.cells.get((method, column))
    return dict(cell.by_labels) if cell is not None else {}


def _trains(method: Method) -> bool:
    return method.objective not in (UNTRAINED, PIXELS)


def _colour(board: Board, method: Method) -> str:
    """Of the objective, grey without one; where several methods share objective and encoder, of the method."""
    return TRAINED[_place(board, method)[0] % len(TRAINED)] if _trains(method) else GREY


def _marker(board: Board, method: Method) -> str:
    """Of the encoder."""
    return MARKERS[_place(board, method)[1] % len(MARKERS)]


def _place(board: Board, method: Method) -> tuple[int, int]:
    pairs = [(each.objective, each.encoder) for each in board.methods]
    if len(set(pairs)) < len(pairs):
        return board.methods.index(method), 0
    objectives = list(dict.fromkeys(each.objective for each in sorted(board.methods, key=_trains, reverse=True)))
    encoders = list(dict.fromkeys(each.encoder for each in board.methods if each.objective != PIXELS))
    return objectives.index(method.objective), encoders.index(method.encoder) if method.encoder in encoders else 0


def _title(board: Board, column: Column) -> str:
    return f"{board.titles[column]}{'' if column.higher_is_better else ' ↓'}"
