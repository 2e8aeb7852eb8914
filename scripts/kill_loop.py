"""Kill a training again and again, at random moments, and see that a whole checkpoint is there each time.

A tiny training saves after every step. Each of its lives, which goes on from the checkpoint of the one before it, is
ended by SIGKILL after a random time; then the newest checkpoint that is whole must be at least as far as before:

    uv run python scripts/kill_loop.py --kills 100

Ends with 1 at the first checkpoint that is lost. The report counts how often a kill came in the middle of a write.
"""

import argparse
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch

from selfsup.checkpoint import LAST, finished, newest
from selfsup.tasks.pretrain import CONFIG

TINY = [
    *("data.count=60", "data.size_px=32", "encoder=tiny_resnet", "trainer.batch_size=16", "trainer.max_epochs=100000"),
    *("trainer.log_every_steps=1", "trainer.probe_every_epochs=null", "trainer.accelerator=cpu"),
    *("trainer.precision=32-true", "trainer.checkpoint_every_steps=1", "probe=[]"),
]
PARTS = (
    *("selfsup.tasks.pretrain", "selfsup.tasks.resume", "selfsup.data.synthetic", "torch._dynamo"),
    *("selfsup.encoders.convnet", "selfsup.objectives.ntxent"),
)
"""What a life imports, and then finds imported."""
AT_ANY_TIME = 0.25
"""Share of the lives that may end before they have saved."""


class Lost(Exception):
    """A checkpoint is not there, or the training is not."""


def start(run: Path, cache: Path, output: Path) -> int:
    """Begin a life of the training in a process of its own; forked, so that the imports are paid once."""
    process = os.fork()
    if process:
        return process
    with output.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ["SELFSUP_CACHE"] = str(cache)
    goes_on = (run / CONFIG).is_file()
    here = f"hydra.run.dir={run.parent / 'resumed' if goes_on else run}"
    sys.argv = ["selfsup", here, *(["task=resume", f"task.run={run}"] if goes_on else TINY)]
    importlib.import_module("selfsup.__main__").main()
    sys.exit(0)


def wait_for_more(run: Path, process: int) -> None:
    """Wait until this life has saved.

    Raises:
        Lost: the training has ended before.
    """
    before = finished(run)[:1]
    while finished(run)[:1] == before:
        if os.waitpid(process, os.WNOHANG)[0]:
            raise Lost(f"the training ended without a checkpoint; see {run.parent / 'output.txt'}")
        time.sleep(0.005)


def kill(process: int, after_s: float) -> None:
    """SIGKILL, which no process can hear.

    Raises:
        Lost: it has ended before.
    """
    time.sleep(after_s)
    os.kill(process, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if code != -signal.SIGKILL:
        raise Lost(f"the training ended by itself, with {code}")


def inspect(run: Path, reached: int) -> tuple[int, str]:
    """The step of the newest whole checkpoint, and what the kill met.

    Raises:
        Lost: there is none, though there has been one, or it is from before that one.
    """
    there = finished(run)
    step = int(newest(run)[1]["global_step"]) if there else 0
    if step < reached:
        raise Lost(f"{run}: there was a checkpoint of step {reached}, and the newest is now of step {step}")
    if any((run / LAST.parent).glob(".*.partial")):
        return step, "in the middle of a write"
    numbers = [int(file.stem) for file in (run / LAST.parent).glob("[0-9]*.ckpt")]
    if max(numbers, default=0) > (int(there[0].stem) if there else 0):
        return step, "between a checkpoint and its manifest"
    if len(there) > 2:
        return step, "before the oldest one was removed"
    return step, "between two writes" if there else "before the first checkpoint"


def loop(kills: int, most_s: float, folder: Path, seed: int) -> tuple[int, Counter[str]]:
    """Start and kill; returns the step that was reached, and how often a kill met what."""
    run, output, moments = folder / "run", folder / "output.txt", random.Random(seed)
    reached, met = 0, Counter[str]()
    while met.total() < kills:
        process = start(run, folder / "cache", output)
        if not finished(run) or moments.random() > AT_ANY_TIME:
            wait_for_more(run, process)
        kill(process, moments.uniform(0.0, most_s))
        reached, what = inspect(run, reached)
        met[what] += 1
    return reached, met


def main() -> None:
    """Parse, loop, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--most-s", type=float, default=0.5, help="longest life after its first checkpoint")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="an empty folder, which stays; a temporary one otherwise")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for part in PARTS:
        importlib.import_module(part)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="kill_loop_"))
    try:
        reached, met = loop(options.kills, options.most_s, folder.resolve(), options.seed)
    except Lost as error:
        sys.exit(f"LOST: {error}\n{folder} is left as it is")
    if not options.folder:
        shutil.rmtree(folder)
    print(f"{options.kills} kills, {reached} steps, and a whole checkpoint each time; the kills came")
    for what, count in met.most_common():
        print(f"  {count:4} {what}")


if __name__ == "__main__":
    main()
