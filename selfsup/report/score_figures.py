"""What a set of probe scores looks like: each kind of score has its figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from selfsup.report.curves import is_headline
from selfsup.report.figures import answer_errors, confusion_matrix, few_shot_curve, probe_bars, regression_scatter
from selfsup.report.galaxy_map import galaxy_map
from selfsup.report.style import Captioned

Curves = Mapping[str, Mapping[str, list[float]]]


def draw_scores(
    probe: str, confusion: np.ndarray | None, classes: Sequence[str], curves: Curves, folder: Path
) -> Captioned:
    """The figures of one probe.

    Args:
        probe: its name.
        confusion: (K, K) counts of the trained encoder, or None.
        classes: names of the K classes, or of the answers of a curve.
        curves: encoder -> the curve that the probe returned for it; the first is the trained encoder's.
        folder: where the PNGs go.
    """
    drawn: Captioned = []
    if confusion is not None:
        out = folder / f"{probe}_confusion.png"
        confusion_matrix(confusion, classes, out)
        drawn.append((out, f"Probe {probe}: rows are the truth, columns what the probe said."))
    trained = next(iter(curves.values()))
    out = folder / f"{probe}.png"
    if {"n", "mean", "std"} <= trained.keys():
        few_shot_curve(curves, out)
        drawn.append((out, f"Probe {probe}: score against labelled galaxies per class, mean and deviation over draws."))
    elif {"true", "predicted"} <= trained.keys():
        regression_scatter(np.array(trained["true"]), np.array(trained["predicted"]), out, "value")
        drawn.append((out, f"Probe {probe}: predicted against true."))
    elif {"mae", "mae_constant"} <= trained.keys():
        answer_errors(classes, trained["mae"], trained["mae_constant"], out)
        drawn.append((out, f"Probe {probe}: mean absolute error of each answer, beside a constant prediction."))
    return drawn


def comparison_figure(metrics: Mapping[str, Mapping[str, float]], folder: Path) -> Captioned:
    """Trained beside untrained beside pixels, on the headline metrics; nothing without scores."""
    chosen = {
        encoder: {_headline(name): v for name, v in values.items() if is_headline(name)}
        for encoder, values in metrics.items()
    }
    if not any(chosen.values()):
        return []
    out = folder / "comparison.png"
    probe_bars(chosen, out)
    return [(out, "Trained, untrained, and principal components of the pixels; ↓: less is better.")]


def draw_map(embedding: np.ndarray, images: np.ndarray, rows: np.ndarray, folder: Path, n_side: int = 18) -> Captioned:
    """Galaxies (rows of `images`) in the plane of the embedding's first two principal components."""
    if len(embedding) < 2:
        return []
    out = folder / "map.jpg"
    galaxy_map(embedding, images[rows], out, n_side)
    return [(out, "The scored galaxies on the first two principal components of their embedding.")]


def _headline(metric: str) -> str:
    """probe/votes/mae -> votes/mae, with an arrow down where less is better; a parameter's R2 under its name."""
    _, probe, leaf = metric.split("/", 2)
    if leaf.startswith("r2_"):
        return f"{leaf.removeprefix('r2_')}: R²"
    return f"{probe}/{leaf}" + (" ↓" if leaf.endswith(("mae", "nmi_colour")) else "")
