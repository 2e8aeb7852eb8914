"""Measure how long a user waits: `selfsup --help`, and a run from its packed images to the end of its first step.

    uv run python scripts/benchmark_start.py data=galaxy_challenge data.folder=FOLDER --rounds 3

Each start is a process of its own; the packed images are made before, if they are not there.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
FIRST_STEP = """
import sys, tempfile, time
from pathlib import Path
began = time.time()
import lightning as L
from hydra import compose, initialize_config_dir
import selfsup.__main__
from selfsup.tasks.pretrain import assemble
from selfsup.training.loop import fit
imported = time.time()

class Clock(L.Callback):
    def on_train_start(self, *_):
        self.ready = time.time()
    def on_train_batch_end(self, trainer, *_):
        print("STEP", began, imported, assembled, self.ready, time.time(), flush=True)
        trainer.should_stop = True

with initialize_config_dir(sys.argv[1], version_base="1.3"):
    cfg = compose("config", ["trainer.probe_every_epochs=null", *sys.argv[2:]])
with tempfile.TemporaryDirectory() as folder:
    parts = assemble(cfg, Path(folder))
    parts.data.packed
    assembled = time.time()
    fit(parts.learner, parts.data, {}, parts.loggers, Path(folder), [Clock()])
"""


def first_step(overrides: list[str]) -> dict[str, float]:
    """Seconds of each stage, and in all."""
    start = time.time()
    command = [sys.executable, "-c", FIRST_STEP, str(ROOT / "conf"), *overrides, "trainer.max_epochs=1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = next(line for line in process.stdout if line.startswith("STEP"))
    process.kill()
    process.wait()
    times = [start, *map(float, line.split()[1:])]
    names = ("interpreter", "imports", "data and model", "trainer", "first step")
    stages = {name: after - before for name, before, after in zip(names, times, times[1:], strict=False)}
    return {**stages, "in all": times[-1] - start}


def manual() -> dict[str, float]:
    """Seconds of `selfsup --help`, and of the same through Hydra."""
    seconds = {}
    for name, arguments in (("--help", ["--help"]), ("--help, composed", ["--help", "seed=0"])):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "selfsup", *arguments], capture_output=True, check=True, cwd=ROOT)
        seconds[name] = time.perf_counter() - start
    return seconds


def main() -> None:
    """Print the median of each stage."""
    args = parse()
    manual(), first_step(args.overrides)  # bytecode, packed images, the disk's cache
    rounds = [{**manual(), **first_step(args.overrides)} for _ in range(args.rounds)]
    found = {name: median(one[name] for one in rounds) for name in rounds[0]}
    for name, seconds in found.items():
        print(f"{name:20}{seconds:8.2f} s")
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="of the configuration: data=images data.folder=DIR")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="JSON file of all seconds")
    return parser.parse_args()


if __name__ == "__main__":
    main()
