"""What labels have bought: scores against galaxies labelled, of one campaign, or of several ways of choosing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.report.figures import curves_with_error
from selfsup.report.label_table import with_intervals
from selfsup.report.labels_saved import Curve
from selfsup.report.style import PALETTE, page, styled, write_figure

MEASURES = {"log_likelihood": "log-likelihood of a question's votes", "error": "error of the fractions"}


@styled
def draw_rounds(rows: Sequence[Mapping[str, Any]], part: str, out: Path) -> None:
    """Draw the scores of the networks in use against the labels; crosses are networks that were not kept.

    Args:
        rows: of `rounds.csv`, in their order.
        part: of the data, whose scores are drawn.
        out: where the PNG goes.
    """
    figure, axes = page(len(MEASURES), 2.8, 0.4)
    labels = np.array([float(row["labels"]) for row in rows])
    refused = np.array([row["kept"] == "no" for row in rows])
    for axis, (measure, name) in zip(axes, MEASURES.items(), strict=False):
        used, own = (np.array([float(row[f"{who}{part}/{measure}"]) for row in rows]) for who in ("in use: ", ""))
        axis.plot(labels, used, marker="o", markersize=4, color=PALETTE[0])
        axis.plot(labels[refused], own[refused], "x", color=PALETTE[1])
        axis.set(xlabel="galaxies with votes", title=name)
    write_figure(figure, out)


def draw_ways(curves: Mapping[str, Curve], measure: str, out: Path) -> None:
    """Way of choosing -> labels -> score of each seed, as curves: means with their 95 % intervals over seeds."""
    curves_with_error(with_intervals(curves, "at"), "galaxies with votes", MEASURES.get(measure, measure), out)
