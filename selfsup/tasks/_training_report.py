"""What a training leaves behind and shows: figures of it and of its probes, scores and galaxies for the dashboards."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch.loggers import Logger

from selfsup.catalogue import Catalogue
from selfsup.data.datamodule import GalaxyData
from selfsup.embed import as_float
from selfsup.evaluate import Evaluation
from selfsup.report.cluster_figures import draw_clusters
from selfsup.report.curves import loss_curves
from selfsup.report.figures import galaxy_sheet
from selfsup.report.neighbour_figures import draw_neighbours
from selfsup.report.overlays import draw_overlays
from selfsup.report.rotation_figures import draw_rotation
from selfsup.report.score_figures import comparison_figure, draw_map, draw_scores
from selfsup.tasks._report import Figures
from selfsup.training.panels import show_confusion, show_figure, show_galaxies, show_table
from selfsup.views.multiview import MultiView


def draw_training(folder: Path, views: MultiView, data: GalaxyData) -> Figures:
    """Loss curves from the folder's metrics, and a sheet of what the objective saw."""
    curves, sheet = folder / "figures" / "curves.png", folder / "figures" / "views.png"
    loss_curves(folder / "metrics.csv", curves)
    draw_views(views, data, sheet, galaxies=6)
    return [(curves, "The training: loss, learning rate, health."), (sheet, "What the objective saw of six galaxies.")]


def draw_evaluations(folder: Path, found: Mapping[str, Evaluation], data: GalaxyData) -> Figures:
    """Every probe's figure, the comparison of the encoders, and the map."""
    figures = comparison_figure({name: e.metrics for name, e in found.items()}, folder)
    trained = found["trained"]
    for name, scores in trained.scores.items():
        curves = {who: e.scores[name].curve for who, e in found.items()}
        figures += draw_scores(name, scores.confusion, scores.classes, curves, folder)
        figures += draw_rotation(name, curves, folder)
        figures += draw_overlays(name, scores.overlays, scores.classes, folder)
        if scores.galaxies is not None:
            rows = data.packed.index_of(scores.galaxies.ids)
            figures += draw_clusters(name, scores.galaxies, data.packed.images, rows, folder)
    embedding, rows = trained.test.embedding(), data.packed.index_of(trained.test.ids)
    figures += draw_neighbours(embedding, data.packed.images, rows, folder)
    return figures + draw_map(embedding, data.packed.images, rows, folder)


def draw_views(views: MultiView, data: GalaxyData, out: Path, galaxies: int) -> None:
    """Contact sheet: a galaxy a row, the packed image first, then its views."""
    rows = data.rows()[:galaxies]
    torch.manual_seed(0)
    image = next(iter(data.catalogue_loader(rows, batch_size=galaxies)))["image"]
    with torch.no_grad():
        made = views.cpu()(image)
    columns = {"packed": as_float(image)} | {
        f"{k} {i + 1}": v for k, copies in made.items() for i, v in enumerate(copies)
    }
    galaxy_sheet({name: pictures(value) for name, value in columns.items()}, out)


def publish(
    loggers: list[Logger],
    trained: Evaluation,
    comparison: Mapping[str, Mapping[str, float]],
    figures: Figures,
    predictions: Path,
    data: GalaxyData,
) -> None:
    """Final scores to every logger; figures, tables, confusion matrices and galaxies to those that can show them.

    Args:
        loggers: of the run.
        trained: what the probes found.
        comparison: encoder -> metric -> value; that of `trained` is logged.
        figures: of the report.
        predictions: the file of them, which need not be there.
        data: whose pictures are shown.
    """
    for logger in loggers:
        logger.log_metrics(dict(comparison["trained"]))
    for path, _ in figures:
        show_figure(loggers, path.stem, path)
    names = sorted(comparison["trained"])
    rows = [[name, *(values.get(name) for values in comparison.values())] for name in names]
    show_table(loggers, "probes", ["metric", *comparison], rows)
    for name, scores in trained.scores.items():
        if scores.confusion is not None:
            show_confusion(loggers, name, scores.confusion, scores.classes)
    if predictions.is_file():
        said = Catalogue.open(predictions)
        columns = {name: said.column(name) for name in said.columns}
        show_galaxies(loggers, "galaxies", said.ids, columns, lambda ids: data.packed.images[data.packed.index_of(ids)])


def pictures(image: torch.Tensor) -> np.ndarray:
    """(B, C, H, W) float -> (B, H, W, C) uint8; what is outside [0, 1] is cut off."""
    pixels: np.ndarray = (image.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return pixels
