"""Measure a search among a million galaxies: how long the index takes, a query, and what it misses.

    uv run python scripts/benchmark_search.py --rows 1000000 --dim 512 --folder DIR

The embeddings are drawn from a Gaussian mixture of low rank, as those of a trained encoder are; nothing here depends on
images. What is in DIR is used again. Memory is the peak of the process, with the mapped pages of the index in it.
"""

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

from selfsup.analysis.index import Effort, Index, fingerprint, open_index
from selfsup.analysis.indexing import Settings
from selfsup.analysis.neighbours import Neighbour, nearest
from selfsup.analysis.where import parse_where
from selfsup.catalogue import Catalogue

SHARD_ROWS = 65_536
NOISE = 0.05
DEFAULTS = OmegaConf.load(Path(__file__).parents[1] / "conf" / "task" / "indexed" / "default.yaml")


class Mixture:
    """Galaxies of many kinds, each a Gaussian in the same few directions of embedding space."""

    def __init__(self, dim: int, rank: int, kinds: int) -> None:
        rng = np.random.default_rng(0)
        self.directions = rng.normal(size=(rank, dim)) / np.sqrt(rank)
        self.centres, self.widths = rng.normal(size=(kinds, rank)), rng.uniform(0.2, 0.6, (kinds, 1))

    def draw(self, rows: int, seed: int) -> np.ndarray:
        """(rows, D) float32."""
        rng = np.random.default_rng([1, seed])
        kind = rng.integers(0, len(self.centres), rows)
        place = self.centres[kind] + self.widths[kind] * rng.normal(size=(rows, self.centres.shape[1]))
        spread = rng.normal(size=(rows, self.directions.shape[1]), scale=NOISE)
        return np.asarray(place @ self.directions + spread, dtype=np.float32)


def write(folder: Path, rows: int, mixture: Mixture) -> None:
    """The catalogue in shards, with a column `share`; nothing where it is there."""
    for number, start in enumerate(range(0, rows, SHARD_ROWS)):
        file, count = folder / f"part-{number:05d}.parquet", min(SHARD_ROWS, rows - start)
        if not file.exists():
            ids = [f"g{row:09d}" for row in range(start, start + count)]
            share = np.random.default_rng([2, number]).random(count)
            Catalogue.from_arrays(ids, mixture.draw(count, number), {"share": share}, {}).save(file)


def timed(name: str, work: Callable[[], None]) -> None:
    """Print how long it takes, and the memory so far."""
    start = time.perf_counter()
    work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{time.perf_counter() - start:9.2f} s  {name}; peak {peak:.2f} GB", flush=True)


def latencies(search: Callable[[np.ndarray], list[list[Neighbour]]], queries: np.ndarray, name: str) -> None:
    """Print the median and the 95th percentile of single queries."""
    spent = []
    for query in queries:
        start = time.perf_counter()
        search(query[None])
        spent.append(1e3 * (time.perf_counter() - start))
    print(f"{np.percentile(spent, 50):9.2f} ms  {name}: p50; p95 {np.percentile(spent, 95):.2f} ms", flush=True)


def recall(found: list[list[Neighbour]], exact: list[list[Neighbour]]) -> float:
    """Share of the true neighbours that were found."""
    return float(
        np.mean([len({n.id for n in a} & {n.id for n in b}) / len(b) for a, b in zip(found, exact, strict=True)])
    )


def measure(args: argparse.Namespace, catalogue: Catalogue, index: Index, queries: np.ndarray) -> None:
    """Print latencies and recalls, of all galaxies and of the tenth that meets a condition."""
    effort = Effort(args.nprobe, args.rerank, args.exact_below)
    tenth = parse_where({"share": [0.9, None]})
    for name, where in (("all", parse_where({})), ("a tenth", tenth)):
        keep = where.over(catalogue)
        for count in (10, 1000):
            latencies(lambda q, n=count, k=keep: index.nearest(q, n, effort, k), queries, f"{count} nearest of {name}")  # type: ignore[misc]
        some = queries[: args.exact]
        latencies(
            lambda q, w=where: nearest(catalogue, q, 10, args.metric, w),  # type: ignore[misc]
            some[:3],
            f"10 nearest of {name}, every one looked at",
        )
        exact = nearest(catalogue, some, 10, args.metric, where)
        print(f"{recall(index.nearest(some, 10, effort, keep), exact):9.4f}     recall@10 of {name}", flush=True)


def main() -> None:
    """Print a line for each quantity."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--metric", default="cosine")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--kinds", type=int, default=200)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--exact", type=int, default=20, help="queries whose recall is measured")
    parser.add_argument("--nprobe", type=int, default=DEFAULTS.nprobe)
    parser.add_argument("--rerank", type=int, default=DEFAULTS.rerank)
    parser.add_argument("--exact-below", type=int, default=DEFAULTS.exact_below)
    args = parser.parse_args()
    mixture, shards = Mixture(args.dim, args.rank, args.kinds), args.folder / f"{args.rows}x{args.dim}"
    shards.mkdir(parents=True, exist_ok=True)
    timed("draw and write the catalogue", lambda: write(shards, args.rows, mixture))
    catalogue, version = Catalogue.open(shards), fingerprint(shards)
    settings, home = Settings(DEFAULTS.cells_factor, DEFAULTS.train_rows, 0), shards.with_name(f"{shards.name}.index")
    found: list[Index] = []

    def opened() -> None:
        found.append(open_index(catalogue, version, home, args.metric, settings))

    timed("build the index (or find it)", opened)
    timed("open the index", opened)
    size = sum(file.stat().st_size for file in (home / args.metric).iterdir())
    codes = sum(file.stat().st_size for file in (home / args.metric).glob("*.faiss"))
    print(f"{size / 1e9:9.2f} GB  index, of which codes {codes / 1e9:.2f} GB; {settings.cells(args.rows)} cells")
    measure(args, catalogue, found[-1], mixture.draw(args.queries, 10**9))
    timed("everything else", lambda: None)


if __name__ == "__main__":
    main()
