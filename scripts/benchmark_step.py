"""How fast an optimizer step can be on this machine, and whether what selfsup chooses by itself is near the best.

Forward, backward and step of an objective on views that lie ready in memory, over {fp32, bf16 autocast} x {contiguous,
channels last} x {eager, compiled}. All variants of an encoder live in one process and take turns, one step each, so
that whatever else the machine does meets them alike; the rate is that of the fastest step.

    uv run python scripts/benchmark_step.py --encoders resnet18 --sizes-px 64 128 --out step.json

Results are added to the file: a long measurement can be made in several sittings.
"""

import argparse
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from selfsup.config import build
from selfsup.objectives.base import Objective
from selfsup.training.optim import best_precision, fuse, parameter_groups

ROOT = Path(__file__).parents[1]
ENCODERS = ("resnet18", "efficientnet_b0", "linformer")
PRECISIONS, LAYOUTS, MODES = ("fp32", "bf16"), ("contiguous", "channels-last"), ("eager", "compiled")
DEFAULT = "default"
"""The variant that selfsup takes unless it is told otherwise."""


def main() -> None:
    """Measure what was asked for, and say how far the default is from the best."""
    args = parse()
    found = json.loads(args.out.read_text()) if args.out and args.out.exists() else {}
    for encoder, size_px in itertools.product(args.encoders, args.sizes_px):
        name = f"{encoder} {size_px} px"
        found[name] = measure(args, configure(encoder, size_px))
        print(f"{name}, batch {args.batch_size}\n" + "\n".join(lines(found[name])), flush=True)
        if args.out:
            args.out.write_text(json.dumps(found, indent=1) + "\n")


def configure(encoder: str, size_px: int) -> DictConfig:
    """What `selfsup encoder=... data.size_px=...` would run."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose("config", [f"encoder={encoder}", f"data.size_px={size_px}"])


def measure(args: argparse.Namespace, cfg: DictConfig) -> dict[str, object]:
    """Images per second of each variant, in turns; the first `--warm-up` steps of each are not counted."""
    steps = {name: prepare(args, cfg, *name.split()) for name in variants(args.modes)}
    best = dict.fromkeys(steps, float("inf"))
    for turn in range(args.warm_up + args.turns):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if turn >= args.warm_up:
                best[name] = min(best[name], time.perf_counter() - start)
    rates = {name: args.batch_size / seconds for name, seconds in best.items()}
    return {
        "images_per_s": rates, DEFAULT: default_variant(cfg), "batch_size": args.batch_size, "turns": args.turns,
        "threads": torch.get_num_threads(), "torch": torch.__version__,
    }  # fmt: skip


def variants(modes: list[str]) -> Iterator[str]:
    """Their names."""
    return (" ".join(each) for each in itertools.product(PRECISIONS, LAYOUTS, modes))


def default_variant(cfg: DictConfig) -> str:
    """The one that a training runs on this processor."""
    precision = best_precision("cpu") if cfg.trainer.precision == "auto" else cfg.trainer.precision
    layout = "channels-last" if cfg.trainer.channels_last else "contiguous"
    return f"{'bf16' if precision == 'bf16-mixed' else 'fp32'} {layout} eager"


def prepare(args: argparse.Namespace, cfg: DictConfig, precision: str, layout: str, mode: str) -> Callable[[], None]:
    """A whole optimizer step, ready to be called."""
    torch.manual_seed(0)
    objective: Objective = build(cfg.objective, "objective", build(cfg.encoder, "encoder"))
    form = torch.channels_last if layout == "channels-last" else torch.contiguous_format
    objective = objective.to(memory_format=form)
    size = (args.batch_size, cfg.encoder.channels, cfg.data.size_px, cfg.data.size_px)
    views = {"global": [torch.rand(size).contiguous(memory_format=form) for _ in range(2)]}
    optimizer = fuse(build(cfg.optimizer, "optimizer", parameter_groups(objective)))
    if mode == "compiled":
        objective.encoder.compile()

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = objective(views, {"id": [], "image": views["global"][0]}, 0.5).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def lines(result: dict[str, object]) -> Iterator[str]:
    """The table of one encoder at one size."""
    rates: dict[str, float] = result["images_per_s"]
    most = max(rates.values())
    for name, rate in sorted(rates.items(), key=lambda each: -each[1]):
        mark = "  <- default" if name == result[DEFAULT] else ""
        yield f"  {name:28} {rate:7.1f} images/s  {rate / most:5.2f} of the best{mark}"


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", nargs="+", default=list(ENCODERS))
    parser.add_argument("--sizes-px", nargs="+", type=int, default=[64, 128])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
