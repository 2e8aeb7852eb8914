"""Find the galaxies of a catalogue that an encoder finds most like an example: a table, and the nearest as pictures."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.analysis.index import Effort, fingerprint, open_index
from selfsup.analysis.indexing import Settings
from selfsup.analysis.neighbours import Neighbour, nearest, require_metric
from selfsup.analysis.rows import take
from selfsup.analysis.where import Where, parse_where
from selfsup.catalogue import Catalogue
from selfsup.data.progress import Work, reported
from selfsup.report.gallery_figures import Gallery, draw_galleries
from selfsup.report.run_report import write_report
from selfsup.report.tables import Row, cell, plain_table, write_csv
from selfsup.tasks._catalogue import open_catalogue, thumbnails_or_reason
from selfsup.tasks._plain import plain
from selfsup.tasks._queries import Query, read_queries
from selfsup.tasks._report import Figures, command
from selfsup.types import ConfigError

USES = ()  # the catalogue is embedded; of a picture the encoder is a checkpoint's
OWN = ("query", "rank", "id", "distance", "similarity")
"""Columns of neighbours.csv that are no columns of the catalogue."""
DRAWN, LISTED = 12, 10
"""Queries in the gallery, and neighbours of each in the report, at most."""
Found = list[list[Neighbour]]
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """Write neighbours.csv, a gallery and a report into the run folder.

    Neighbours of galaxies of the catalogue are others: the examples themselves are left out.

    Returns:
        How many neighbours there are, and the distances of the nearest and the farthest of them.

    Raises:
        ConfigError: nothing, or two things, are looked for; a metric, condition or number that cannot be.
        DataError: an id, a place or a column is not in the catalogue.
    """
    folder, task = Path(HydraConfig.get().runtime.output_dir), cfg.task
    require_metric(task.metric)
    if task.count < 1 or task.shown < 0:
        raise ConfigError(f"task.count={task.count} must be at least 1, task.shown={task.shown} at least 0")
    catalogue, where = open_catalogue(cfg), parse_where(plain(task)["where"] or {})
    where.require(catalogue)
    columns = catalogue.columns if task.columns is None else list(task.columns)
    for name in columns:
        catalogue.about(name)  # which names the nearest where there is none
    queries, begun = read_queries(cfg, catalogue), time.perf_counter()
    found = _search(cfg, catalogue, queries, where)
    facts = {
        "galaxies": len(catalogue),
        "metric": task.metric,
        "search": "exact" if _is_exact(task, len(catalogue)) else "through the index",
        "seconds": round(time.perf_counter() - begun, 3),
    }
    rows = _rows(catalogue, queries, found, columns, task.metric)
    write_csv(rows, folder / "neighbours.csv")
    figures, note = _gallery(cfg, catalogue, queries, found, folder / "figures" / "gallery.png")
    far = [neighbour.distance for row in found for neighbour in row]
    metrics = {"search/neighbours": float(len(far))}
    metrics |= {"search/nearest": min(far), "search/farthest": max(far)} if far else {}
    write_report(
        folder,
        title=cell(f"Galaxies like {'; '.join(query.name for query in queries[:DRAWN])}"),
        command=command(folder),
        config=plain(cfg),
        metrics=metrics,
        comparison={},
        figures=figures,
        facts=facts,
        unreadable=0,
        sections=[plain_table([row for row in rows if row["rank"] <= LISTED], _listed(rows)), *note],
    )
    log.info("%s: %d neighbours", folder / "neighbours.csv", len(far))
    return metrics


def _search(cfg: DictConfig, catalogue: Catalogue, queries: list[Query], where: Where) -> Found:
    """The neighbours of each query, exactly or through the index."""
    task, points = cfg.task, np.stack([query.vector for query in queries])
    count = task.count + max(len(query.rows) for query in queries)
    if _is_exact(task, len(catalogue)):
        with reported(len(catalogue), Work("searching", "searched", "galaxies")) as advance:
            found = nearest(catalogue, points, count, task.metric, where, advance=advance)
    else:
        effort = Effort(task.nprobe, task.rerank, task.exact_below)
        found = _index(cfg, catalogue).nearest(points, count, effort, where.over(catalogue))
    own = [set(query.rows.tolist()) for query in queries]
    return [[n for n in row if n.row not in rows][: task.count] for rows, row in zip(own, found, strict=True)]


def _is_exact(task: DictConfig, galaxies: int) -> bool:
    """Whether all galaxies are looked at: of an empty catalogue, and for manhattan, there is no index."""
    return bool(galaxies < max(task.exact_below, 1) or task.metric == "manhattan")


def _index(cfg: DictConfig, catalogue: Catalogue) -> Any:
    """The catalogue's index; says how far it is while it is built."""
    task, path = cfg.task, Path(cfg.task.catalogue).expanduser().resolve()
    home = path.with_name(f"{path.name}.index") if task.index is None else Path(task.index).expanduser()
    settings = Settings(task.cells_factor, task.train_rows, cfg.seed)
    with ExitStack() as stack:
        bar: list[Any] = []

        def advance(count: int) -> None:  # called only while an index is built
            if not bar:
                work = Work("indexing", "indexed", "rows")  # each is read twice
                bar.append(stack.enter_context(reported(2 * len(catalogue), work)))
            bar[0](count)

        return open_index(catalogue, fingerprint(path), home, task.metric, settings, advance=advance)


def _rows(catalogue: Catalogue, queries: list[Query], found: Found, columns: list[str], metric: str) -> list[Any]:
    """The table: what was found, with these columns of the catalogue."""
    numbers = np.array([neighbour.row for row in found for neighbour in row], dtype=np.int64)
    said = iter(take(catalogue, numbers, columns).to_pylist())
    rows = []
    for query, row in zip(queries, found, strict=True):
        for rank, neighbour in enumerate(row, start=1):
            own: dict[str, Any] = {
                "query": query.name,
                "rank": rank,
                "id": neighbour.id,
                "distance": neighbour.distance,
            }
            if metric == "cosine":
                own["similarity"] = 1 - neighbour.distance
            values = next(said)
            more = {f"catalogue_{name}" if name in OWN else name: values[name] for name in columns}
            rows.append({name: _cell(value) for name, value in {**own, **more}.items()})
    return rows


def _cell(value: Any) -> str | float:
    if value is None:
        return ""
    return value if isinstance(value, int | float) else str(value)


def _listed(rows: list[Row]) -> list[str]:
    """Columns in the report: those that say who is near."""
    return [name for name in OWN if rows and name in rows[0]]


def _gallery(
    cfg: DictConfig, catalogue: Catalogue, queries: list[Query], found: Found, out: Path
) -> tuple[Figures, list[str]]:
    """The nearest as pictures; without pictures, a paragraph that says why."""
    task, shown = cfg.task, [row[: cfg.task.shown] for row in found[:DRAWN]]
    if not any(shown):
        return [], []
    asked = [query.examples if len(query.rows) else [] for query in queries[:DRAWN]]
    ids = [name for names in asked for name in names] + [neighbour.id for row in shown for neighbour in row]
    read = thumbnails_or_reason(cfg, catalogue, ids)
    if isinstance(read, str):
        return [], [read]
    pictures = dict(zip(ids, read, strict=True))
    galleries = []
    for query, names, row in zip(queries, asked, shown, strict=False):
        examples = np.stack([pictures[name] for name in names]) if names else query.pictures
        captions = [f"{1 - n.distance:.3f}" if task.metric == "cosine" else f"{n.distance:.4g}" for n in row]
        galleries.append(Gallery(query.name, examples, np.stack([pictures[n.id] for n in row]), captions))
    measure = "cosine similarity" if task.metric == "cosine" else f"{task.metric} distance"
    draw_galleries(galleries, measure, out)
    return [(out, f"What was asked for (framed), and the nearest galaxies with their {measure}.")], []
