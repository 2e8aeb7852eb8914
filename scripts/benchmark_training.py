"""How much of the bare step's speed the whole training loop keeps, and how it compares with other packages' examples.

Loops over the same images, encoder, batch and steps, each in a process of its own, taken in turns; the rate of each
is the best of its turns, for what else the machine does can only slow it down:

- bare: forward, backward and optimizer step of the objective on views that lie ready in memory;
- selfsup: packed images, views, Lightning, logging, as `uv run selfsup` runs them;
- each `--peer NAME=COMMAND`: told the size, the batch and the steps, it prints "X images/s" last.

    uv run python scripts/benchmark_training.py DIR_OF_IMAGES --out training.json \
        --peer "lightly=python scripts/peer_lightly.py DIR_OF_IMAGES --quiet --precision 32-true"

Turns are added to those that the file holds already: a long measurement can be made in several sittings.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import lightning as L
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

ROOT = Path(__file__).parents[1]
SKIPPED = 4
"""Steps before the clock starts: kernels are chosen, memory is found."""


class Enough(Exception):
    """The steps that were asked for are done."""


class Clock(L.Callback):
    """Images per second of the steps after the first few."""

    def __init__(self, steps: int) -> None:
        self.steps, self.start, self.rate = steps, 0.0, 0.0

    def on_train_batch_start(self, trainer: L.Trainer, module: L.LightningModule, batch: dict, row: int) -> None:
        if row == SKIPPED:
            self.start = time.perf_counter()
        if row == SKIPPED + self.steps:
            self.rate = self.steps * len(batch["id"]) / (time.perf_counter() - self.start)
            raise Enough


def configure(args: argparse.Namespace) -> DictConfig:
    """The configuration that both of our loops run."""
    overrides = [
        f"data={args.data}", f"data.folder={args.folder}", f"data.size_px={args.size_px}", f"encoder={args.encoder}",
        f"objective={args.objective}", f"trainer.batch_size={args.batch_size}", "trainer.splits=[train,val,test]",
        "trainer.probe_every_epochs=null", *args.overrides,
    ]  # fmt: skip
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("config", overrides)


def whole_loop(args: argparse.Namespace) -> float:
    """Images per second of the loop that users run."""
    from selfsup.tasks.pretrain import assemble
    from selfsup.training.loop import fit

    clock = Clock(args.steps)
    with tempfile.TemporaryDirectory() as folder, suppress(Enough):
        parts = assemble(configure(args), Path(folder))
        fit(parts.learner, parts.data, {}, parts.loggers, Path(folder), [clock])
    return clock.rate


def bare_loop(args: argparse.Namespace) -> float:
    """Images per second of the step alone, in the precision and layout that users get."""
    from selfsup.tasks.pretrain import assemble
    from selfsup.training.optim import best_precision, fuse, parameter_groups

    with tempfile.TemporaryDirectory() as folder:
        parts = assemble(configure(args), Path(folder))
    learner = parts.learner.to(memory_format=torch.channels_last)
    batch = next(iter(parts.data.train_dataloader()))
    with torch.no_grad():
        views = learner.views(batch["image"])
    optimizer = fuse(learner.make_optimizer(parameter_groups(learner.objective)))
    half = best_precision("cpu") == "bf16-mixed"
    for step in range(args.steps + SKIPPED):
        if step == SKIPPED:
            start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = learner.objective(views, batch, 0.5).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return args.steps * len(batch["id"]) / (time.perf_counter() - start)


LOOPS = {"bare": bare_loop, "selfsup": whole_loop}


def run(args: argparse.Namespace, command: str | None, name: str) -> float:
    """One turn of one loop, in a process of its own: the number in its last line."""
    told = f"--size-px {args.size_px} --batch-size {args.batch_size} --max-steps {args.steps + SKIPPED}"
    own = [sys.executable, *sys.argv, "--only", name]
    line = own if command is None else [*shlex.split(command), *told.split()]
    out = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True).stdout
    return float(out.strip().splitlines()[-1].split()[0])


def main() -> None:
    """Run all loops in turns and print the table."""
    args = parse()
    if args.only:
        print(f"{LOOPS[args.only](args)} images/s")
        return
    title = f"{args.encoder} {args.objective} {args.size_px} px, batch {args.batch_size}"
    kept = json.loads(args.out.read_text()) if args.out and args.out.exists() else {}
    found: dict[str, list[float]] = kept.setdefault(title, {})
    commands = dict.fromkeys(LOOPS) | dict(each.split("=", 1) for each in args.peer)
    for _ in range(args.rounds):
        for name, command in commands.items():
            found.setdefault(name, []).append(run(args, command, name))
            print(f"{name} {found[name][-1]:.1f} images/s", flush=True)
            if args.out:
                args.out.write_text(json.dumps(kept, indent=1) + "\n")
    rates = {name: max(turns) for name, turns in found.items()}
    print(title)
    for name, rate in rates.items():
        told = f"{rate / rates['bare']:5.2f} of bare   selfsup / {name}: {rates['selfsup'] / rate:.2f}"
        print(f"{name:24} {rate:7.1f} images/s  {told}  ({len(found[name])} turns)")


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of images, or what --data reads")
    parser.add_argument("--data", default="images")
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--objective", default="ntxent")
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--overrides", nargs="*", default=[], help="of the configuration: encoder.stem=standard")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--out", type=Path, help="JSON")
    parser.add_argument("--only", choices=list(LOOPS), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
