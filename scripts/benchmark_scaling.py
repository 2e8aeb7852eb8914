"""How much faster two processes are than one: embedding by workers that share the shards, training by ranks.

    uv run python scripts/benchmark_scaling.py --folder DIR_OF_IMAGES --scratch DIR --out scaling.json

Each process has one thread, so that two of them have twice the processor; one and two are taken in turns. Counted is
what follows the first shards, or the first epoch: starting is not the work. Training learns from as many galaxies at
each step in both (strong scaling): the batch of each rank is half as large.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq


def start(overrides: list[str], run: Path) -> subprocess.Popen[bytes]:
    """A process of one thread."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "selfsup", *overrides, f"hydra.run.dir={run}"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ended(process: subprocess.Popen[bytes]) -> None:
    """Wait, and stop where it failed."""
    if process.wait():
        sys.exit(f"{process.args!r}: exit code {process.returncode}")


def embedding(workers: int, given: argparse.Namespace, checkpoint: Path, place: Path) -> float:
    """Galaxies a second from the first shard to the last."""
    overrides = ["task=embed", f"task.checkpoint={checkpoint}", "data=images", f"data.folder={given.folder}"]
    overrides += [f"task.output={place / 'out'}", "task.rows_per_shard=512"]
    processes = [start(overrides, place / f"run-{worker}") for worker in range(workers)]
    for process in processes:
        ended(process)
    parts = sorted((place / "out").glob("part-*.parquet"), key=lambda file: file.stat().st_mtime_ns)
    began = parts[workers - 1].stat().st_mtime  # each worker has written one
    rows = sum(pq.read_metadata(part).num_rows for part in parts[workers:])
    return rows / (parts[-1].stat().st_mtime - began)


def training(ranks: int, given: argparse.Namespace, place: Path) -> float:
    """Epochs an hour, of the second one."""
    overrides = ["data=images", f"data.folder={given.folder}", f"data.size_px={given.size_px}", "trainer.max_epochs=2"]
    overrides += ["trainer=ddp", f"trainer.devices={ranks}", f"trainer.batch_size={given.batch_size // ranks}"]
    overrides += ["trainer.probe_every_epochs=null", "trainer.accelerator=cpu"]
    ended(start(overrides, place))
    first, last = sorted((place / "checkpoint").glob("0*.ckpt"), key=lambda file: file.stat().st_mtime_ns)[-2:]
    return 3600 / (last.stat().st_mtime - first.stat().st_mtime)


def main() -> None:
    """Measure in turns; print rates, and the ratio of their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=256, help="of all ranks together")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    checkpoint = given.scratch / "network"
    rates: dict[str, dict[int, list[float]]] = {"training": {1: [], 2: []}, "embedding": {1: [], 2: []}}
    for turn in range(given.rounds):
        for count in (1, 2):
            place = given.scratch / f"{time.time_ns()}"
            run = checkpoint if not turn and count == 1 else place / "training"
            rates["training"][count].append(training(count, given, run))
            rates["embedding"][count].append(embedding(count, given, checkpoint, place))
            print({name: round(found[count][-1], 1) for name, found in rates.items()}, count, "processes", flush=True)
    found = {}
    for name, each in rates.items():
        one, two = (statistics.median(each[count]) for count in (1, 2))
        found[name] = {"one": round(one, 1), "two": round(two, 1), "ratio": round(two / one, 3)}
        print(f"{name}: {found[name]}")
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
