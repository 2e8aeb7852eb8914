"""How stable embeddings are when the galaxy turns: a curve for each encoder, and two lines to read it by."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from selfsup.report.style import GREY, PALETTE, Captioned, page, styled, write_figure

Curves = Mapping[str, Mapping[str, list[float]]]
LINES = {1.0: "the turn changes nothing", 0.0: "as far from itself as another galaxy"}
"""Stability -> what it means."""


def draw_rotation(probe: str, curves: Curves, folder: Path) -> Captioned:
    """The figure of a probe of rotation; none of another probe.

    Args:
        probe: its name.
        curves: encoder -> {"angle_deg", "mean", "std"}, or the curve of another kind of probe.
        folder: where the PNG goes.
    """
    if not all("angle_deg" in curve for curve in curves.values()):
        return []
    out = folder / f"{probe}.png"
    stability_curves(curves, out)
    return [(out, f"Probe {probe}: how far the embedding follows a turn, mean and deviation over galaxies.")]


@styled
def stability_curves(curves: Curves, out: Path) -> None:
    """Encoder -> {"angle_deg", "mean", "std"}: stability against the angle, one deviation over galaxies as a band."""
    figure, (axis,) = page(1, 4.4)
    for place, meaning in LINES.items():
        axis.axhline(place, color=GREY, linestyle="--", linewidth=1.2)
        axis.text(2, place, meaning, color=GREY, fontsize=8, va="bottom")
    for colour, (who, curve) in zip(PALETTE, curves.items(), strict=False):
        angle, mean, std = (np.asarray(curve[key], dtype=float) for key in ("angle_deg", "mean", "std"))
        axis.plot(angle, mean, marker="o", markersize=4, color=colour, label=who)
        axis.fill_between(angle, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
    axis.set_xticks(range(0, 181, 30))
    axis.set(xlabel="angle between two pictures of a galaxy, degrees", ylabel="stability", xlim=(0, 180))
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(curves), borderaxespad=0.2)
    write_figure(figure, out)
