"""ROC curves of many questions as small multiples: a panel a question, a curve an answer or a run."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from selfsup.report.figures import DPI, GREY, PALETTE, STYLE, WIDTH_PX

_ACROSS = 3  # panels
_PANEL_IN = 2.7


class Roc(Protocol):
    """A curve with its area."""

    @property
    def fpr(self) -> np.ndarray:
        """(b,) false positive rates."""

    @property
    def tpr(self) -> np.ndarray:
        """(b,) true positive rates."""

    @property
    def auc(self) -> float:
        """The area below."""


@rc_context(STYLE)
def roc_panels(panels: Mapping[str, Mapping[str, Roc]], out: Path) -> None:
    """Question -> name -> curve: a panel a question; the legend gives each curve's area."""
    rows = max(1, math.ceil(len(panels) / _ACROSS))
    across = min(_ACROSS, max(1, len(panels)))
    width = WIDTH_PX / DPI
    figure = Figure(figsize=(width, _PANEL_IN * rows * _ACROSS / across), dpi=DPI, layout="constrained")
    axes = list(figure.subplots(rows, across, squeeze=False, sharex=True, sharey=True).flat)
    for axis, (title, curves) in zip(axes, panels.items(), strict=False):
        axis.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
        for i, (name, curve) in enumerate(curves.items()):
            style = "-" if i < len(PALETTE) else ":"
            axis.plot(
                curve.fpr, curve.tpr, style, color=PALETTE[i % len(PALETTE)], linewidth=1.4,
                label=f"{name}  {curve.auc:.3f}",
            )  # fmt: skip
        axis.set_title(title)
        axis.set(xlim=(-0.01, 1), ylim=(0, 1.01), aspect="equal")
        axis.legend(fontsize=7, handlelength=1, borderaxespad=0.2, loc="lower right", labelspacing=0.25)
    for axis in axes[max(0, len(panels) - across) : len(panels)]:
        axis.tick_params(labelbottom=True)  # also above a place that is empty
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    figure.supxlabel("false positive rate", fontsize=10)
    figure.supylabel("true positive rate", fontsize=10)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=DPI, facecolor="white")
