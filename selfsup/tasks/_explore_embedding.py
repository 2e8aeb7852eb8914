"""What the explorer makes of the embeddings of a catalogue: maps, and who is near whom."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from selfsup.analysis.index import Effort, open_index
from selfsup.analysis.indexing import EMBEDDING, Settings
from selfsup.analysis.projection import Components, principal_components
from selfsup.catalogue import Catalogue
from selfsup.data.progress import Work, reported
from selfsup.explorer.maps import Layout
from selfsup.explorer.near import Exactly, Indexed, Nearest
from selfsup.tasks._layout import METHODS, places_of
from selfsup.tasks._passes import passed

METRIC = "cosine"
OWN = ("map_x", "map_y")
"""Columns of the places that `task=map` gave."""
log = logging.getLogger(__name__)


def layouts_of(cfg: DictConfig, catalogue: Catalogue) -> list[Layout]:
    """The catalogue's own map, then those of `task.maps` that can be made; principal components where none can."""

    @cache
    def components() -> Components:
        parts = (part.embedding() for part in passed(catalogue, "reading", "read"))
        return principal_components(parts, cfg.task.components)

    def places(method: str) -> np.ndarray:
        return places_of(cfg.task, cfg.seed, catalogue, components(), method)

    found = []
    if all(catalogue.has(name) for name in OWN):
        found.append(Layout("map", "Map of the catalogue", lambda: np.stack([*map(catalogue.column, OWN)], axis=1)))
    methods = [method for method in cfg.task.maps if _can_be_made(method, cfg.task, len(catalogue))]
    if not (found or methods):
        methods = ["pca"]
    return found + [Layout(method, _capital(METHODS[method]), partial(places, method)) for method in methods]


def _can_be_made(method: str, task: DictConfig, galaxies: int) -> bool:
    """Whether there are galaxies enough, and the package; the log says what is missing."""
    wanted = {"umap": task.umap.n_neighbors, "tsne": task.tsne.perplexity}.get(method, 0)
    if not wanted < min(galaxies, task.fit_galaxies):
        log.info("no map by %s: %d galaxies are too few", METHODS[method], galaxies)
        return False
    if method == "umap" and importlib.util.find_spec("umap") is None:
        log.info("no map by %s, which is not installed: uv sync --extra maps", METHODS[method])
        return False
    return True


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def nearest_of(cfg: DictConfig, catalogue: Catalogue, path: Path, version: str) -> Nearest:
    """Who is near whom: of few galaxies all are looked at, of more an index is made, or used as it is.

    Raises:
        ConfigError: no faiss where an index is needed, or it cannot be written.
        DataError: no room, or an embedding is missing or not finite.
    """
    task = cfg.task
    if len(catalogue) < max(task.exact_below, 1):
        return Exactly(catalogue)
    home = path.with_name(f"{path.name}.index") if task.index is None else Path(task.index).expanduser().resolve()
    settings = Settings(task.cells_factor, task.train_rows, cfg.seed)
    with on_demand(2 * len(catalogue), Work("indexing", "indexed", "rows")) as advance:  # each is read twice
        index = open_index(catalogue, version, home, METRIC, settings, advance=advance)
    embedding = np.load(home / METRIC / EMBEDDING, mmap_mode="r", allow_pickle=False)
    return Indexed(index, embedding, Effort(task.nprobe, task.rerank, task.exact_below))


@contextmanager
def on_demand(total: int, work: Work) -> Iterator[Callable[[int], None]]:
    """As `reported`, which begins with the first thing done: what is there already says nothing."""
    with ExitStack() as stack:
        bar: list[Callable[[int], None]] = []

        def advance(count: int) -> None:
            if not bar:
                bar.append(stack.enter_context(reported(total, work)))
            bar[0](count)

        yield advance
