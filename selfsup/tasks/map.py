"""A map of a catalogue's galaxies: laid out by their embeddings, measured, and drawn in pictures and in colours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.analysis.agreement import read_classes
from selfsup.analysis.groups import NOISE
from selfsup.analysis.placement import map_quality
from selfsup.analysis.projection import principal_components, sample_of
from selfsup.catalogue import Catalogue
from selfsup.report.galaxy_map import choose, draw_cells
from selfsup.report.map_figures import coloured_map, in_square
from selfsup.report.run_report import write_report
from selfsup.spelling import nearest
from selfsup.tasks._catalogue import open_catalogue, thumbnails_or_reason
from selfsup.tasks._layout import METHODS, places_of
from selfsup.tasks._passes import passed, shown_columns
from selfsup.tasks._plain import plain
from selfsup.tasks._report import Figures, command, show
from selfsup.types import ConfigError

USES = ()


def run(cfg: DictConfig) -> dict[str, float]:
    """Write `catalogue.parquet` with `map_x` and `map_y`, figures and a report into the run folder.

    Returns:
        `map/trustworthiness` and `map/neighbours_kept`, of the principal components that the map is made of, and
        `map/variance_explained` by these.

    Raises:
        ConfigError: an unknown method, or a number that nothing can be laid out with.
        DataError: an unknown column, fewer than two galaxies, or galaxies all alike.
    """
    folder, task = Path(HydraConfig.get().runtime.output_dir), cfg.task
    _require_settings(task)
    catalogue = open_catalogue(cfg)
    columns = shown_columns(catalogue, task.colour_by)
    components = principal_components((b.embedding() for b in passed(catalogue, "reading", "read")), task.components)
    places = places_of(task, cfg.seed, catalogue, components, task.method)
    catalogue = catalogue.append({"map_x": places[:, 0], "map_y": places[:, 1]})
    catalogue.save(folder / "catalogue.parquet")
    inside = sample_of(len(catalogue), task.score_galaxies, cfg.seed + 1)
    points = components(catalogue.filter(inside).embedding())
    quality = map_quality(points, places[inside], task.score_neighbours) | {"variance_explained": components.explained}
    square = in_square(places)
    figures, note = _sheet(cfg, catalogue, square, folder / "figures" / "map.jpg")
    figures += _coloured(catalogue, square, columns, folder / "figures")
    metrics = {f"map/{name}": value for name, value in quality.items()}
    write_report(
        folder,
        title=f"{len(catalogue):,} galaxies on a map: {METHODS[task.method]}",
        command=command(folder),
        config=plain(cfg),
        metrics=metrics,
        comparison={METHODS[task.method]: quality},
        figures=figures,
        facts={"galaxies": len(catalogue), "components": len(components.axes), "scored": len(points)},
        unreadable=0,
        sections=[*_rule(task, len(catalogue)), *note],
    )
    show(metrics, "drawn")
    return metrics


def _require_settings(task: DictConfig) -> None:
    """Raise ConfigError where a setting cannot be what its key says."""
    if task.method not in METHODS:
        raise ConfigError(
            f"task.method: there is no {task.method}{nearest(str(task.method), list(METHODS))}; of {list(METHODS)}"
        )
    fewest = {"components": 2, "fit_galaxies": 3, "neighbours": 1, "score_galaxies": 2, "score_neighbours": 1}
    for key, least in (fewest | {"n_side": 1}).items():
        if task[key] < least:
            raise ConfigError(f"task.{key}={task[key]}: write {least} or more")


def _rule(task: DictConfig, total: int) -> list[str]:
    """How most galaxies came to their places, where the map was not made of all."""
    if task.method == "pca" or total <= task.fit_galaxies:
        return []
    return [
        f"{METHODS[task.method]} laid out {task.fit_galaxies:,} galaxies, drawn by chance; any other is at the mean "
        f"place of its {task.neighbours} nearest ones, weighted by the inverse square of the distance."
    ]


def _sheet(cfg: DictConfig, catalogue: Catalogue, square: np.ndarray, out: Path) -> tuple[Figures, list[str]]:
    """The galaxies as pictures, each in the cell where it lies; without pictures, a paragraph that says why."""
    chosen = choose(square, cfg.task.n_side)
    shown = np.unique(list(chosen.values()))
    inside = np.zeros(len(catalogue), dtype=bool)
    inside[shown] = True
    pictures = thumbnails_or_reason(cfg, catalogue, catalogue.filter(inside).ids)
    if isinstance(pictures, str):
        return [], [pictures]
    taken = np.array(list(chosen))
    x, y = taken.min(axis=0).tolist()  # the sheet begins and ends where the galaxies do
    columns, rows = (taken.max(axis=0) + 1).tolist()
    cells = {(column - x, row - y): int(np.searchsorted(shown, it)) for (column, row), it in chosen.items()}
    draw_cells(cells, pictures, out, (columns - x, rows - y))
    return [(out, "Galaxies where they lie on the map, in each cell the one nearest to its centre.")], []


def _coloured(catalogue: Catalogue, square: np.ndarray, columns: Sequence[str], folder: Path) -> Figures:
    """The map in the colours of these columns, and of the groups that `task=cluster` has found."""
    grouped = [name for name in catalogue.columns if re.fullmatch(r"group_[a-z]+", name) and name not in columns]
    figures = []
    for name in [*columns, *grouped]:
        values = read_classes(catalogue, name)
        if name.startswith("group_"):
            values = np.where(values == NOISE, "", values.astype(str).astype(object))
        out = folder / f"map_{re.sub(r'[^A-Za-z0-9_-]+', '_', name)}.png"
        coloured_map(square, values, name, out)
        figures.append((out, f"The same map, coloured by {name}."))
    return figures
