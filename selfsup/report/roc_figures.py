"""ROC curves of many questions as small multiples: a panel a question, a curve an answer or a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from selfsup.report.style import ACROSS, GREY, PALETTE, across, page, styled, write_figure

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


@styled
def roc_panels(panels: Mapping[str, Mapping[str, Roc]], out: Path) -> None:
    """Question -> name -> curve: a panel a question; the legend gives each curve's area."""
    columns = across(len(panels))
    figure, axes = page(len(panels), _PANEL_IN * ACROSS / columns, sharex=True, sharey=True)
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
    for axis in axes[max(0, len(panels) - columns) : len(panels)]:
        axis.tick_params(labelbottom=True)  # also above a place that is empty
    figure.supxlabel("false positive rate", fontsize=10)
    figure.supylabel("true positive rate", fontsize=10)
    write_figure(figure, out)
