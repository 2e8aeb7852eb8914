"""The galaxies nearest to a point among millions: an index that looks at a part of them, then exact distances.

Inverted lists (Jegou, Douze & Schmid 2011, doi:10.1109/TPAMI.2010.57; faiss, Douze et al. 2024, arXiv:2401.08281):
k-means cuts embedding space into cells, a query looks into the `nprobe` cells that are nearest to it, where embeddings
lie with 8 bits a number; the candidates' distances are then computed from the embeddings themselves.

The index of a metric is a folder: `block-*.faiss`; `embedding.npy` and `ids.arrow`, since single rows of Parquet cannot
be read; and `manifest.json`, which says of which catalogue it is. All are mapped into memory.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from selfsup.analysis.beside import alone_in
from selfsup.analysis.indexing import (
    BLOCK_BYTES,
    EMBEDDING,
    IDS,
    MANIFEST,
    Settings,
    as_indexed,
    faiss_module,
    write_index,
)
from selfsup.analysis.neighbours import Neighbour, distances, require_metric, require_width
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError

FORMAT = 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Effort:
    """How carefully an index is searched.

    Args:
        nprobe: cells looked into, and more where they hold too few galaxies.
        rerank: candidates per neighbour, whose exact distances are computed.
        exact_below: where fewer galaxies may be found, all of them are candidates.
    """

    nprobe: int
    rerank: int
    exact_below: int

    def __post_init__(self) -> None:
        if self.nprobe < 1 or self.rerank < 1:
            raise ConfigError(f"nprobe={self.nprobe}, rerank={self.rerank}: write 1 or more for each")


class Index:
    """An index that is whole; opened by `open_index`."""

    def __init__(self, folder: Path, metric: str) -> None:
        faiss = faiss_module()
        self.metric = metric
        with pa.ipc.open_file(pa.memory_map(str(folder / IDS))) as ids:
            self._ids = [ids.get_batch(i).column(0) for i in range(ids.num_record_batches)]
        self._embedding = np.load(folder / EMBEDDING, mmap_mode="r", allow_pickle=False)
        self._blocks = [faiss.read_index(str(file), faiss.IO_FLAG_MMAP) for file in sorted(folder.glob("*.faiss"))]
        for block in self._blocks:  # threads that read ahead cost ten times what the search does
            faiss.downcast_InvertedLists(block.invlists).prefetch_nthread = 0

    def nearest(
        self, queries: np.ndarray, count: int, effort: Effort, keep: np.ndarray | None = None
    ) -> list[list[Neighbour]]:
        """The `count` galaxies nearest to each query (Q, D), nearest first, among those that are looked at.

        Args:
            queries: points of the embedding space.
            count: of neighbours, at most.
            effort: how many are looked at.
            keep: (N,) bool, galaxies that may be found; None for all.

        Raises:
            ConfigError: queries of another width.
        """
        require_width(queries, self._embedding.shape[1])
        keep = np.ones(len(self._embedding), dtype=bool) if keep is None else keep
        allowed = int(keep.sum())
        if allowed < max(effort.exact_below, 1):
            return [self._ranked(query, np.flatnonzero(keep), count) for query in queries]
        bits, wanted = np.packbits(keep, bitorder="little"), min(count * effort.rerank, allowed)
        return [self._ranked(q, self._candidates(q, wanted, effort.nprobe, bits), count) for q in queries]

    def _candidates(self, query: np.ndarray, wanted: int, nprobe: int, bits: np.ndarray) -> np.ndarray:
        """Rows of `wanted` galaxies in the cells nearest to the query, in more cells until there are as many."""
        faiss = faiss_module()
        selector, asked = faiss.IDSelectorBitmap(bits), as_indexed(query[None], self.metric)
        while True:
            parameters = faiss.SearchParametersIVF(nprobe=nprobe, sel=selector)
            parts = [block.search(asked, wanted, params=parameters) for block in self._blocks]
            far, rows = (np.concatenate([part[which][0] for part in parts]) for which in (0, 1))
            order = np.lexsort((rows, far))
            order = order[rows[order] >= 0][:wanted]
            if len(order) == wanted or nprobe >= self._blocks[0].nlist:
                return np.asarray(rows[order])
            nprobe *= 2

    def _ranked(self, query: np.ndarray, rows: np.ndarray, count: int) -> list[Neighbour]:
        """The `count` nearest of these rows, by their exact distances."""
        rows = np.sort(rows)  # as they lie on disk
        far = distances(query[None], self._embedding[rows], self.metric)[0]
        first = np.argsort(far, kind="stable")[:count]
        return sorted(Neighbour(float(far[i]), self._id(int(rows[i])), int(rows[i])) for i in first)

    def _id(self, row: int) -> str:
        batch, place = divmod(row, len(self._ids[0]))  # all but the last are as long
        return str(self._ids[batch][place].as_py())


def fingerprint(path: Path) -> str:
    """A catalogue's file, or folder of shards -> a text that differs when a name, a length or a date does."""
    files = [path] if path.is_file() else sorted(path.glob("*.parquet"))
    facts = [[file.name, (at := file.stat()).st_size, at.st_mtime_ns] for file in files]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def open_index(
    catalogue: Catalogue,
    version: str,
    home: Path,
    metric: str,
    settings: Settings,
    block_bytes: int = BLOCK_BYTES,
    advance: Callable[[int], None] = lambda _: None,
) -> Index:
    """The index of a catalogue in `home/<metric>`; built where there is none, or it is torn or not this catalogue's.

    Args:
        catalogue: whose embeddings are indexed.
        version: of the catalogue, see `fingerprint`: the index of another one is not used.
        home: folder of the catalogue's indexes.
        metric: cosine or euclidean.
        settings: how it is built.
        block_bytes: of codes in memory together while it is built.
        advance: told how many galaxies have passed by while it is built; each passes twice.

    Raises:
        ConfigError: manhattan, of which there is no index; no faiss; `home` cannot be written.
        DataError: no room, or an embedding that is missing or not finite.
    """
    require_metric(metric)
    if metric == "manhattan":
        raise ConfigError("metric=manhattan: there is no index for it; search exactly, or write cosine or euclidean")
    folder = home / metric
    identity = {"format": FORMAT, "metric": metric, "settings": asdict(settings), "catalogue": version}
    if _fault(folder, identity):
        with alone_in(home, "name another folder for the index"):
            if fault := _fault(folder, identity):  # and not built by another meanwhile
                _log.info("%s: %s; indexing %d galaxies", folder, fault, len(catalogue))
                write_index(folder, catalogue, settings, identity, block_bytes, advance)
    return Index(folder, metric)


def _fault(folder: Path, identity: dict[str, Any]) -> str:
    """Why the index in this folder cannot be used; "" where it can."""
    if not folder.exists():
        return "there is no index yet"
    try:
        said = json.loads((folder / MANIFEST).read_bytes())
        files = dict(said["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return "its manifest cannot be read"
    other = [key for key, value in identity.items() if said.get(key) != value]
    if other:
        return f"it is of another {' and '.join(other)}"
    torn = [name for name, size in files.items() if not (at := folder / name).is_file() or at.stat().st_size != size]
    return f"{torn[0]} is not as long as it was" if torn else ""
