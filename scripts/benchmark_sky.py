"""Measure how many galaxies of the synthetic sky a core renders in a second, and show that nothing else changes a byte.

    uv run python scripts/benchmark_sky.py                  # galaxies / s / core at 64, 128 and 224 px, three bands
    uv run python scripts/benchmark_sky.py --digests        # batch sizes, loader processes, a second process

Rates are the best of several rounds, drawing and voting apart from rendering; on a GPU (--device cuda) a batch is drawn
at once.
"""

import argparse
import hashlib
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from selfsup import trees
from selfsup.data.parallel import in_order
from selfsup.sky.observe import observe
from selfsup.sky.population import draw
from selfsup.sky.survey import Survey
from selfsup.sky.truth import parameters
from selfsup.sky.view import View
from selfsup.sky.volunteers import vote

CONF = Path(__file__).parents[1] / "conf"


def survey(name: str) -> Survey:
    """The survey of a YAML file."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose(overrides=[f"+survey={name}"])
    return Survey.from_config(OmegaConf.to_container(cfg.survey))


def rates(args: argparse.Namespace) -> None:
    """Print a row for each size."""
    torch.set_num_threads(1)
    galaxies = [draw(0, index, args.mix) for index in range(args.galaxies)]
    sdss = survey(args.survey)
    for size in args.sizes:
        view = View(sdss, size, args.crop)
        observe(galaxies[:8], view, args.device)
        best = {"draw": 1e9, "truth and votes": 1e9, "render": 1e9}
        for _ in range(args.rounds):
            best = {name: min(best[name], seconds) for name, seconds in zip(best, once(args, view), strict=True)}
        cost = ", ".join(f"{name} {1e3 * value / len(galaxies):.2f} ms" for name, value in best.items())
        print(f"{size:4} px: {len(galaxies) / best['render']:6.1f} galaxies/s on one core; each: {cost}")


def once(args: argparse.Namespace, view: View) -> tuple[float, float, float]:
    """Seconds to draw, to describe and to render the galaxies."""
    gz2 = trees.tree("gz2")
    start = time.perf_counter()
    galaxies = [draw(0, index, args.mix) for index in range(args.galaxies)]
    drawn = time.perf_counter()
    for galaxy in galaxies:
        parameters(galaxy, view), vote(galaxy, view, gz2)
    described = time.perf_counter()
    observe(galaxies, view, args.device)
    if args.device == "cuda":
        torch.cuda.synchronize()
    return drawn - start, described - drawn, time.perf_counter() - described


def some(view: View, starts: list[range], task: int) -> np.ndarray:
    """One batch of pictures."""
    return observe([draw(0, index, "natural") for index in starts[task]], view)


def digest(view: View, count: int, batch: int, processes: int) -> str:
    """Of `count` galaxies, pictures and votes, rendered so."""
    total = hashlib.sha256()
    parts = [range(start, min(start + batch, count)) for start in range(0, count, batch)]
    for images in in_order(partial(some, view, parts), len(parts), processes):
        total.update(images.tobytes())
    for index in range(count):
        total.update(vote(draw(0, index, "natural"), view, trees.tree("gz2")).tobytes())
    return total.hexdigest()[:16]


def digests(args: argparse.Namespace) -> None:
    """Print a digest for each way of rendering the same galaxies; all must be equal."""
    view = View(survey(args.survey), args.sizes[0], args.crop)
    found = {f"batch {batch}, {n} processes": digest(view, args.count, batch, n) for batch, n in
             [(1, 0), (64, 0), (256, 0), (64, 1), (64, 2), (64, 3)]}  # fmt: skip
    alone = [sys.executable, __file__, "--digest-only", "--count", str(args.count), "--survey", args.survey]
    other = [subprocess.Popen([*alone, "--sizes", str(args.sizes[0])], stdout=subprocess.PIPE, text=True) for _ in "ab"]
    found |= {f"process {n}": process.communicate()[0].strip() for n, process in enumerate(other)}
    for name, value in found.items():
        print(f"{value}  {name}")
    print("all the same" if len(set(found.values())) == 1 else "NOT the same")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--galaxies", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 224])
    parser.add_argument("--crop", type=float, default=0.5)
    parser.add_argument("--mix", default="natural")
    parser.add_argument("--survey", default="sdss")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--digests", action="store_true")
    parser.add_argument("--digest-only", action="store_true")
    parser.add_argument("--count", type=int, default=1000)
    args = parser.parse_args()
    if args.digest_only:
        print(digest(View(survey(args.survey), args.sizes[0], args.crop), args.count, 64, 0))
    elif args.digests:
        digests(args)
    else:
        rates(args)


if __name__ == "__main__":
    main()
