"""Which answers are taken for which: confusion matrices of all questions on one page, and how often each is given."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from selfsup.report.style import ACROSS, GREY, PALETTE, page, styled, write_figure

_PANEL_IN = 2.9


@styled
def confusion_panels(panels: Mapping[str, tuple[np.ndarray, Sequence[str]]], out: Path) -> None:
    """Question -> (K, K) counts (rows true, columns predicted) and names of the answers: a matrix each.

    Colours and percentages are shares of a row; a row that nothing is in stays empty.
    """
    figure, axes = page(len(panels), _PANEL_IN, columns=ACROSS)
    for axis, (title, (counts, names)) in zip(axes, panels.items(), strict=False):
        _matrix(axis, counts, names)
        axis.set_title(f"{title} ({int(counts.sum()):,})", fontsize=9)
    figure.supxlabel("predicted", fontsize=10)
    figure.supylabel("true", fontsize=10)
    write_figure(figure, out)


@styled
def label_counts(names: Sequence[str], counts: Mapping[str, np.ndarray], out: Path) -> None:
    """Names of K classes, who (the truth first) -> (K,) galaxies: bars side by side, with their numbers."""
    height = 0.8 / len(counts)
    figure, (axis,) = page(1, 0.9 + len(names) * max(0.3, 0.19 * len(counts)))
    for i, (who, values) in enumerate(counts.items()):
        at = np.arange(len(names)) - 0.4 + (i + 0.5) * height
        colour = GREY if i == 0 else PALETTE[(i - 1) % (len(PALETTE) - 1)]
        bars = axis.barh(at, values, height=0.92 * height, color=colour, label=who)
        axis.bar_label(bars, labels=[f" {value:,.0f}" for value in values], fontsize=8)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.margins(x=0.1)
    axis.grid(visible=False, axis="y")
    axis.set_xlabel("galaxies")
    figure.legend(loc="outside upper left", ncols=3, fontsize=9)
    write_figure(figure, out)


def _matrix(axis: Axes, counts: np.ndarray, names: Sequence[str]) -> None:
    total = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(total, 1)
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    labels = [name if len(name) <= 14 else f"{name[:13]}…" for name in names]
    axis.set_xticks(range(len(names)), labels, rotation=35, ha="right", rotation_mode="anchor", fontsize=7)
    axis.set_yticks(range(len(names)), labels, fontsize=7)
    axis.grid(visible=False)
    axis.tick_params(length=0)
    size = 8 if len(names) <= 4 else 6.5 if len(names) <= 7 else 5
    for (row, column), part in np.ndenumerate(share):
        if total[row, 0]:
            text = f"{part:.0%}\n{int(counts[row, column]):,}" if len(names) <= 4 else f"{100 * part:.0f}"
            colour = "white" if part > 0.5 else "black"
            axis.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
