"""What each step costs as a survey grows: time, memory and disk from a thousand to a million galaxies.

    uv run python scripts/benchmark_growth.py --folder DIR --out growth.json --figure growth.png

Every step is the command that a user types, in a process of its own: `task=embed` of JPEG images in Parquet files, the
index that the first `task=search` builds, a search that finds it, `task=cluster`, and `task=explore` until it serves,
the first time and again. What is in growth.json is not measured again. A step's exponent is the slope of log(time)
between the two largest surveys, less what the command takes of the smallest (its start), so that 1 is in proportion.
"""

import argparse
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from selfsup.catalogue import Catalogue

SHARD_ROWS = 65_536
DRAWN, SIZE_PX, SEEN_PX = 512, 64, 32
DIM, RANK, KINDS = 512, 32, 200
STEPS = ("embed", "index", "search", "cluster", "explore_first", "explore")


def write_images(folder: Path, rows: int) -> None:
    """Parquet files of so many JPEG images: blobs with noise, some hundreds drawn, each shown many times."""
    rng = np.random.default_rng(0)
    grid = np.mgrid[:SIZE_PX, :SIZE_PX] - SIZE_PX / 2
    drawn = []
    for _ in range(DRAWN):
        light = np.exp(-(grid[0] ** 2 + (grid[1] / rng.uniform(0.3, 1)) ** 2) / rng.uniform(20, 200))
        pixels = 200 * light[..., None] * rng.uniform(0.5, 1, 3) + rng.normal(20, 6, (SIZE_PX, SIZE_PX, 3))
        file = io.BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
        drawn.append(file.getvalue())
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, rows, SHARD_ROWS)):
        shown = range(start, min(rows, start + SHARD_ROWS))
        columns = {"id_str": [f"g{row:09d}" for row in shown], "image": [drawn[row % DRAWN] for row in shown]}
        pq.write_table(pa.table(columns), folder / f"images-{number:05d}.parquet")


def write_catalogue(folder: Path, rows: int) -> None:
    """Embeddings of a Gaussian mixture of low rank, as those of a trained encoder are, and two columns."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(RANK, DIM)) / np.sqrt(RANK)
    centres = rng.normal(size=(KINDS, RANK))
    for number, start in enumerate(range(0, rows, SHARD_ROWS)):
        count, rng = min(SHARD_ROWS, rows - start), np.random.default_rng([1, number])
        kind = rng.integers(0, KINDS, count)
        place = (centres[kind] + 0.4 * rng.normal(size=(count, RANK))) @ directions
        embedding = (place + 0.05 * rng.normal(size=(count, DIM))).astype(np.float32)
        columns = {"share": rng.random(count), "label": np.char.add("kind ", (kind % 7).astype(str))}
        ids = [f"g{row:09d}" for row in range(start, start + count)]
        Catalogue.from_arrays(ids, embedding, columns, {}).save(folder / f"part-{number:05d}.parquet")


def once(path: Path, make: Callable[[Path], None]) -> Path:
    """What was made in full before is used again."""
    done = path.with_name(f"{path.name}.done")
    if not done.exists():
        make(path)
        done.touch()
    return path


def spent(overrides: list[str], run: Path, ready: str | None = None) -> dict[str, float]:
    """Seconds and peak memory of a command; one that serves is ended when it says that it is ready."""
    begun = time.perf_counter()
    say = [sys.executable, "-m", "selfsup", *overrides, f"hydra.run.dir={run}"]
    process = subprocess.Popen(say, stdout=subprocess.PIPE if ready else subprocess.DEVNULL, text=True)
    seconds = None
    for line in process.stdout or ():
        if ready and re.search(ready, line):
            seconds = time.perf_counter() - begun
            process.terminate()
    _, status, usage = os.wait4(process.pid, 0)
    if status and seconds is None:
        sys.exit(f"{' '.join(say)}: failed")
    return {"seconds": seconds or time.perf_counter() - begun, "peak_gb": usage.ru_maxrss * 1024 / 1e9}


def size_gb(*paths: Path) -> float:
    """Of files and folders on the disk."""
    return sum(file.stat().st_size for path in paths for file in [path, *path.rglob("*")] if file.is_file()) / 1e9


def checkpoint(folder: Path) -> Path:
    """A ResNet18 after a few steps, which sees the images at half their size: what grows is everything around it."""
    images, run = once(folder / "few-images", lambda path: write_images(path, 1024)), folder / "network"
    if not (run / "checkpoint" / "last.ckpt").exists():
        few = [f"data.folder={images}", f"data.size_px={SEEN_PX}", "data.image=image", "trainer.batch_size=256"]
        spent(["data=parquet_images", *few, "trainer.max_epochs=1", "trainer.probe_every_epochs=null"], run)
    return run


def measure(step: str, rows: int, folder: Path) -> dict[str, float]:
    """One step of one survey."""
    run = folder / "runs" / f"{step}-{rows}-{time.time_ns()}"
    if step == "embed":
        images = once(folder / f"images-{rows}", lambda path: write_images(path, rows))
        where = [f"task.checkpoint={checkpoint(folder)}", "data=parquet_images", f"data.folder={images}"]
        output = folder / f"embedded-{rows}"
        return spent(["task=embed", *where, f"task.output={output}"], run) | {"disk_gb": size_gb(output)}
    galaxies = once(folder / f"galaxies-{rows}", lambda path: write_catalogue(path, rows))
    named = f"task.catalogue={galaxies}"
    if step in ("index", "search"):
        found = spent(["task=search", named, "task.like=[g000000005]", "task.shown=0", "task.exact_below=0"], run)
        return found | {"disk_gb": size_gb(Path(f"{galaxies}.index"))}
    if step == "cluster":
        return spent(["task=cluster", named, "task.columns=[label]"], run)
    serving = ["task=explore", named, "task.maps=[pca]", "task.port=0", "task.open=false", "task.exact_below=0"]
    return spent(serving, run, ready="#token=") | {"disk_gb": size_gb(Path(f"{galaxies}.explorer"))}


def slope(of: dict[str, dict[str, float]]) -> tuple[float, float]:
    """Exponent, and seconds for each further galaxy, of the two largest surveys; none where no growth is seen."""
    least, *_ = sizes = sorted(map(int, of))
    start = of[str(least)]["seconds"]
    two = [(rows, of[str(rows)]["seconds"]) for rows in sizes[-2:]]
    (n, a), (m, b) = two
    exponent = np.log((b - start) / (a - start)) / np.log(m / n) if b > a > start else 0.0
    return float(exponent), max(0.0, b - a) / (m - n)


def draw(figures: dict[str, Any], file: Path) -> None:
    """Time and memory against the number of galaxies, both axes logarithmic."""
    figure, (time_axis, memory_axis) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for step, of in figures["steps"].items():
        sizes = sorted(map(int, of))
        exponent, _ = slope(of)
        time_axis.plot(sizes, [of[str(n)]["seconds"] for n in sizes], "o-", label=f"{step}: {exponent:.2f}")
        memory_axis.plot(sizes, [of[str(n)]["peak_gb"] for n in sizes], "o-", label=step)
    for axis, name in ((time_axis, "seconds"), (memory_axis, "peak memory, GB")):
        axis.set(xscale="log", yscale="log", xlabel="galaxies", ylabel=name)
        axis.grid(alpha=0.3)
    time_axis.legend(title="step: exponent", frameon=False)
    figure.savefig(file, dpi=130)


def main() -> None:
    """Measure what is missing, print a line each, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args()
    figures = json.loads(given.out.read_text()) if given.out.exists() else {"cores": os.cpu_count(), "steps": {}}
    for rows in given.rows:
        for step in given.steps:
            of = figures["steps"].setdefault(step, {})
            if str(rows) not in of:
                of[str(rows)] = {name: round(value, 4) for name, value in measure(step, rows, given.folder).items()}
                given.out.write_text(json.dumps(figures, indent=1) + "\n")
                print(f"{step} of {rows:,}: {of[str(rows)]}", flush=True)
    for step, of in figures["steps"].items():
        if len(of) > 2:
            exponent, each = slope(of)
            print(f"{step}: exponent {exponent:.2f}, {1e6 * each:.1f} s for each further million")
    if given.figure:
        draw(figures, given.figure)


if __name__ == "__main__":
    main()
