"""How much of the bare step's speed the whole training loop keeps, and how it compares with lightly's own example.

Three loops over the same images, encoder, batch and precision, each in a process of its own, taken in turns:

- bare: forward, backward and optimizer step of the objective on views that lie ready in memory;
- selfsup: packed images, views, Lightning, logging, as `uv run selfsup` runs them;
- lightly: `scripts/peer_lightly.py`, PIL transforms in loader workers.

    uv run python scripts/benchmark_training.py DIR_OF_IMAGES --rounds 3
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import lightning as L
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

ROOT = Path(__file__).parents[1]
SKIPPED = 4
"""Steps before the clock starts: kernels are chosen, memory is found."""


class Clock(L.Callback):
    """Images per second of the steps after the first few."""

    def __init__(self) -> None:
        self.start, self.images = 0.0, 0

    def on_train_batch_end(
        self, trainer: L.Trainer, module: L.LightningModule, outputs: object, batch: dict, *_: object
    ) -> None:
        if trainer.global_step == SKIPPED:
            self.start = time.perf_counter()
        elif trainer.global_step > SKIPPED:
            self.images += len(batch["id"])
            self.seconds = time.perf_counter() - self.start


def configure(args: argparse.Namespace) -> DictConfig:
    """The configuration that both of our loops run."""
    overrides = [
        "data=images", f"data.folder={args.folder}", f"data.size_px={args.size_px}", f"encoder={args.encoder}",
        f"objective={args.objective}", f"trainer.batch_size={args.batch_size}", "trainer.splits=[train,val,test]",
        "trainer.max_epochs=1", "trainer.probe_every_epochs=null", *args.overrides,
    ]  # fmt: skip
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("config", overrides)


def whole_loop(args: argparse.Namespace, folder: Path) -> float:
    """Images per second of the loop that users run, over one epoch."""
    from selfsup.tasks.pretrain import assemble
    from selfsup.training.loop import fit

    clock = Clock()
    parts = assemble(configure(args), folder)
    fit(parts.learner, parts.data, {}, parts.loggers, folder, [clock])
    return clock.images / clock.seconds


def bare_loop(args: argparse.Namespace, folder: Path) -> float:
    """Images per second of the step alone."""
    from selfsup.tasks.pretrain import assemble
    from selfsup.training.optim import best_precision, parameter_groups

    parts = assemble(configure(args), folder)
    learner = parts.learner.to(memory_format=torch.channels_last)
    batch = next(iter(parts.data.train_dataloader()))
    with torch.no_grad():
        views = learner.views(batch["image"])
    optimizer = learner.make_optimizer(parameter_groups(learner.objective))
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


def lightly_loop(args: argparse.Namespace, folder: Path) -> float:
    """Images per second of lightly's example, in single precision as documented or as ours."""
    del folder
    command = [
        sys.executable, str(ROOT / "scripts" / "peer_lightly.py"), str(args.folder), "--epochs", "1", "--size-px",
        str(args.size_px), "--batch-size", str(args.batch_size), "--quiet", *args.peer,
    ]  # fmt: skip
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(out.strip().splitlines()[-1].split()[0])


LOOPS = {"bare": bare_loop, "selfsup": whole_loop, "lightly": lightly_loop}


def one(args: argparse.Namespace) -> None:
    """Run one loop and print its rate and peak memory as JSON."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        rate = LOOPS[args.only](args, Path(folder))
    who = resource.RUSAGE_CHILDREN if args.only == "lightly" else resource.RUSAGE_SELF
    print(json.dumps({"images_per_s": rate, "peak_mib": resource.getrusage(who).ru_maxrss / 1024}))


def main() -> None:
    """Run all loops in turns and print the table."""
    args = parse()
    if args.only:
        one(args)
        return
    found: dict[str, list[dict[str, float]]] = {name: [] for name in LOOPS}
    for _ in range(args.rounds):
        for name, results in found.items():
            out = subprocess.run(
                [sys.executable, *sys.argv, "--only", name], capture_output=True, text=True, check=True
            )
            results.append(json.loads(out.stdout.strip().splitlines()[-1]))
            print(name, results[-1], flush=True)
    rates = {name: median(r["images_per_s"] for r in results) for name, results in found.items()}
    peaks = {name: max(r["peak_mib"] for r in results) for name, results in found.items()}
    for name, rate in rates.items():
        print(f"{name:8} {rate:7.1f} images/s  {rate / rates['bare']:5.2f} of bare  peak {peaks[name]:6.0f} MiB")
    print(f"selfsup / lightly: {rates['selfsup'] / rates['lightly']:.2f}")


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of images")
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--objective", default="ntxent")
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--overrides", nargs="*", default=[], help="of the configuration: encoder.stem=standard")
    parser.add_argument("--peer", nargs="*", default=["--channels-last"], help="of lightly's script")
    parser.add_argument("--only", choices=list(LOOPS), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
