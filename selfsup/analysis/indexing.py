"""Writing the index of a catalogue: cells fitted on a sample, galaxies added in blocks, memory that does not grow."""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from selfsup.analysis.neighbours import unit
from selfsup.analysis.rows import BATCH_ROWS, embeddings, numbered
from selfsup.catalogue import Catalogue
from selfsup.durable import replacing_folder, synced
from selfsup.extras import optional
from selfsup.types import ConfigError, DataError

IDS, EMBEDDING, MANIFEST = "ids.arrow", "embedding.npy", "manifest.json"
POINTS_PER_CELL = 39
"""That k-means needs at least, says faiss."""
BLOCK_BYTES = 2**29
"""Of codes that are in memory together."""


@dataclass(frozen=True)
class Settings:
    """How an index is built.

    Args:
        cells_factor: cells of embedding space, in units of the square root of the number of galaxies.
        train_rows: galaxies that the cells are fitted on, at most: bounds the memory, and the cells to a 39th of it.
        seed: of the choice of these galaxies, and of k-means.
    """

    cells_factor: float
    train_rows: int
    seed: int

    def __post_init__(self) -> None:
        if self.cells_factor <= 0 or self.train_rows < 1:
            raise ConfigError(
                f"cells_factor={self.cells_factor} must be above 0, train_rows={self.train_rows} at least 1: "
                f"write cells_factor=4 train_rows=262144"
            )

    def cells(self, rows: int) -> int:
        """How many cells a catalogue of so many galaxies is cut into."""
        return max(1, min(round(self.cells_factor * math.sqrt(rows)), min(rows, self.train_rows) // POINTS_PER_CELL))


def write_index(
    folder: Path,
    catalogue: Catalogue,
    settings: Settings,
    identity: dict[str, Any],
    block_bytes: int,
    advance: Callable[[int], None],
) -> None:
    """Write all files of an index, which take the place of what was in the folder.

    Args:
        folder: whole or not there.
        catalogue: whose embeddings are indexed.
        settings: of the index.
        identity: what the manifest says beside the files and their lengths; `metric` is read from it.
        block_bytes: of codes in memory together.
        advance: told how many galaxies have passed by; each passes twice, to train and to be added.

    Raises:
        DataError: no room, or an embedding that is missing or not finite.
    """
    _require_room(folder.parent, catalogue)
    metric, block_rows = identity["metric"], max(1, block_bytes // catalogue.dim)
    with replacing_folder(folder) as partial:
        index = _trained(catalogue, metric, settings, advance)
        with synced(partial / IDS) as names, synced(partial / EMBEDDING) as stream:
            ids = pa.ipc.new_file(names, pa.schema([("id", pa.large_string())]))
            shape = {"descr": "<f4", "fortran_order": False, "shape": (len(catalogue), catalogue.dim)}
            np.lib.format.write_array_header_1_0(stream, shape)
            for start, table in numbered(catalogue, ["embedding"], min(BATCH_ROWS, block_rows)):
                points, end = embeddings(table), start + len(table)
                ids.write_batch(pa.record_batch({"id": table["id"].combine_chunks().cast(pa.large_string())}))
                stream.write(np.ascontiguousarray(points, dtype="<f4").data)
                index.add_with_ids(as_indexed(points, metric), np.arange(start, end))
                if index.ntotal >= block_rows or end == len(catalogue):
                    _write_block(index, partial / f"block-{start:012d}.faiss")
                advance(len(table))
            ids.close()
        files = {file.name: file.stat().st_size for file in sorted(partial.iterdir())}
        with synced(partial / MANIFEST) as stream:
            stream.write(json.dumps({**identity, "files": files}, indent=2).encode())
        shutil.rmtree(folder, ignore_errors=True)


def as_indexed(points: np.ndarray, metric: str) -> np.ndarray:
    """(n, D) -> float32; for cosine of length 1, whose euclidean distances have the order of the angles."""
    return np.ascontiguousarray(unit(points) if metric == "cosine" else points, dtype=np.float32)


def faiss_module() -> Any:
    """Imported when it is needed: only large catalogues are indexed.

    Raises:
        ConfigError: it is not installed.
    """
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)  # which of its builds fits the processor
    return optional("faiss", "search")


def _trained(catalogue: Catalogue, metric: str, settings: Settings, advance: Callable[[int], None]) -> Any:
    """An empty index whose cells and 8-bit steps are fitted to a seeded sample."""
    faiss, rows = faiss_module(), len(catalogue)
    rng = np.random.default_rng(settings.seed)
    chosen = np.sort(rng.choice(rows, min(rows, settings.train_rows), replace=False))
    sample = np.empty((len(chosen), catalogue.dim), dtype=np.float32)
    for start, table in numbered(catalogue, ["embedding"]):
        first, last = np.searchsorted(chosen, [start, start + len(table)])
        sample[first:last] = embeddings(table)[chosen[first:last] - start]
        advance(len(table))
    bits, cells = faiss.ScalarQuantizer.QT_8bit, settings.cells(rows)
    index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatL2(catalogue.dim), catalogue.dim, cells, bits, faiss.METRIC_L2)
    index.cp.seed = settings.seed
    index.train(as_indexed(sample, metric))
    return index


def _write_block(index: Any, file: Path) -> None:
    """What was added since the last block; the index is empty again."""
    faiss = faiss_module()
    with synced(file) as stream:
        faiss.write_index(index, faiss.PyCallbackIOWriter(stream.write))
    index.reset()


def _require_room(home: Path, catalogue: Catalogue) -> None:
    needed, free = len(catalogue) * (5 * catalogue.dim + 40), shutil.disk_usage(home).free
    if needed > free:
        raise DataError(
            f"{home}: an index of {len(catalogue):,} galaxies needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are "
            f"free; make room, or name another folder"
        )
