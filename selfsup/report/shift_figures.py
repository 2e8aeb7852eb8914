"""What becomes of a classifier and of an embedding when the same galaxies are seen by other surveys."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from selfsup.report.figures import contact_sheet, curves_with_error, probe_bars

SHOWN = {
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC AUC",
    "finds_itself": "finds itself",
    "finds_itself_in_1_percent": "finds itself in nearest 1 %",
    "cosine_same": "cosine with itself",
    "cosine_other": "cosine with others",
}
"""Metric -> title of its panel."""


def survey_bars(metrics: Mapping[str, Mapping[str, float]], out: Path) -> None:
    """Survey -> metric -> value: a panel for each metric, a bar for each survey."""
    chosen = {who: {title: values[name] for name, title in SHOWN.items()} for who, values in metrics.items()}
    probe_bars(chosen, out)


def survey_sheet(images: Mapping[str, np.ndarray], out: Path) -> None:
    """Survey -> (n, H, W, 3) uint8 of the same n galaxies: a survey a row."""
    contact_sheet([list(row) for row in images.values()], list(images), [], out)


def accuracy_curves(curves: Mapping[str, Mapping[str, list[float]]], axis: str, out: Path) -> None:
    """Survey -> "at", "mean", "std": accuracy with one standard deviation, each curve named at its end."""
    curves_with_error(curves, axis, "accuracy", out)
