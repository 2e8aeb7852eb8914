"""Measure how many views a second each recipe makes on one core, beside kornia's chain and lightly's PIL transform.

All three are timed in turn in the same run, and the best of several rounds counts, so that the ratios hold on a busy
machine:

    uv run python scripts/benchmark_views.py --size-px 64 128

kornia runs the steps of the recipe that it has (it has no reddening) one after the other, on the whole batch or in the
blocks that selfsup works in, whichever is faster. lightly runs its own SimCLR recipe image by image, whatever the row.
A recipe gains what it has to fuse: much with colour jitter, little where it only turns, crops or draws noise.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import kornia.augmentation as K
import torch
from hydra import compose, initialize_config_dir
from kornia.constants import Resample
from lightly.transforms import SimCLRTransform
from PIL import Image
from torch import Tensor, nn

from selfsup.views.multiview import MultiView
from selfsup.views.settings import ViewSettings

PEERS = ("selfsup", "kornia", "lightly")
BLOCK = 16
"""Images that kornia is also given at a time, for the cache of a core."""
RECIPES = Path(__file__).parents[1] / "conf" / "augmentation"


def recipe(name: str, size_px: int) -> MultiView:
    """The recipe of a YAML file for images of that size."""
    with initialize_config_dir(str(RECIPES.parent), version_base="1.3"):
        cfg = compose(overrides=[f"+augmentation={name}", f"+data.size_px={size_px}"])
    return MultiView(cfg.augmentation.groups)


def chain(s: ViewSettings) -> K.AugmentationSequential:
    """Build kornia's operations for the same settings; neutral ones are left out."""
    kernel = 2 * max(1, round(3 * s.blur_sigma_px[1])) + 1
    jitter = K.ColorJitter(s.brightness, s.contrast, s.saturation, tuple(h / 360 for h in s.hue_deg), p=s.colour_p)
    steps: list[tuple[bool, Callable[[], nn.Module]]] = [
        (s.rotation_deg != (0, 0), lambda: K.RandomRotation(s.rotation_deg, p=1.0)),
        (
            s.zoom != (1, 1) or s.shift_share != (0, 0),
            lambda: K.RandomAffine(0.0, translate=(s.shift_share[1],) * 2, scale=s.zoom, p=1.0),
        ),
        (
            s.area_share != (1, 1) or s.size_share != 1,
            lambda: K.RandomResizedCrop(
                (s.view_px, s.view_px), scale=s.area_share, ratio=s.aspect, resample=Resample.BILINEAR
            ),
        ),
        (s.hflip_p > 0, lambda: K.RandomHorizontalFlip(p=s.hflip_p)),
        (s.vflip_p > 0, lambda: K.RandomVerticalFlip(p=s.vflip_p)),
        (s.blur_p > 0, lambda: K.RandomGaussianBlur((kernel, kernel), (0.1, s.blur_sigma_px[1]), p=s.blur_p)),
        (s.noise_p > 0, lambda: K.RandomGaussianNoise(std=sum(s.noise_sigma) / 2, p=s.noise_p)),
        (s.colour_p > 0, lambda: jitter),
        (s.grey_p > 0, lambda: K.RandomGrayscale(p=s.grey_p)),
    ]
    return K.AugmentationSequential(*[make() for wanted, make in steps if wanted], data_keys=["input"])


def kornia_views(views: MultiView) -> Callable[[Tensor], list[Tensor]]:
    """The same views as `views`, made by kornia."""
    chains = [(views.counts[name], chain(kind.settings)) for name, kind in views.kinds.items()]

    def make(image: Tensor) -> list[Tensor]:
        pixels = image.float() / 255
        return [steps(pixels.repeat(copies, 1, 1, 1)) for copies, steps in chains]

    return make


def settle_memory() -> None:
    """Bring the C library to keep its pages, as any process does that has trained a step.

    Until a block of some 30 MB was freed, glibc gives small ones back at once and faults them in again: all three are
    slower then, and unevenly.
    """
    torch.zeros(31 * 2**18)


def best_seconds(works: list[Callable[[], object]], rounds: int) -> list[float]:
    """The shortest time of each work, taken in turn; the first round only warms up."""
    best = [float("inf")] * len(works)
    for turn in range(rounds + 1):
        for place, work in enumerate(works):
            start = time.perf_counter()
            work()
            if turn:
                best[place] = min(best[place], time.perf_counter() - start)
    return best


def compare(name: str, size_px: int, batch: int, rounds: int) -> dict[str, object]:
    """Print one row, and return it."""
    views = recipe(name, size_px)
    image = torch.randint(0, 256, (batch, size_px, size_px, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    few = [Image.fromarray(one.permute(1, 2, 0).numpy()) for one in image[:16]]
    peer, lightly = kornia_views(views), SimCLRTransform(input_size=size_px)
    with torch.no_grad():
        ours, pil, *theirs = best_seconds(
            [
                lambda: views(image),
                lambda: [lightly(one) for one in few],
                lambda: peer(image),
                lambda: [peer(block) for block in torch.split(image, BLOCK)],
            ],
            rounds,
        )
    made = batch * sum(views.counts.values())
    rates = made / ours, made / min(theirs), 2 * len(few) / pil
    print(
        f"{name:<12}{size_px:>5}{made // batch:>7}{rates[0]:>11.0f}{rates[1]:>11.0f}{rates[2]:>11.0f}"
        f"{rates[0] / rates[1]:>9.1f}{rates[0] / rates[2]:>10.1f}",
        flush=True,
    )
    return {"recipe": name, "size_px": size_px, "views": made // batch, **dict(zip(PEERS, rates, strict=True))}


def draw(rows: list[dict[str, object]], file: Path) -> None:
    """How many times as fast as kornia each recipe is, and the aim of four."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    sizes = sorted({row["size_px"] for row in rows})
    for place, size_px in enumerate(sizes):
        here = [row for row in rows if row["size_px"] == size_px]
        across = [number + place * 0.8 / len(sizes) for number in range(len(here))]
        axes.bar(across, [row["selfsup"] / row["kornia"] for row in here], 0.8 / len(sizes), label=f"{size_px} px")
    axes.set_xticks([number + 0.4 - 0.4 / len(sizes) for number in range(len(here))], [row["recipe"] for row in here])
    axes.axhline(1, color="0.3", linewidth=1)
    axes.axhline(4, color="0.3", linewidth=1, linestyle="--")
    axes.set_ylabel("views per second and core, over kornia's chain")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=150)


def main() -> None:
    """Print a table: a row for each recipe and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size-px", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--recipe", nargs="+", default=sorted(path.stem for path in RECIPES.glob("*.yaml")))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="JSON file of the rows; a figure is drawn beside it")
    args = parser.parse_args()
    torch.set_num_threads(1)
    settle_memory()
    warnings.filterwarnings("ignore", module=r"kornia|lightly")
    print("views per second on one core")
    print(
        f"{'recipe':<12}{'px':>5}{'views':>7}{'selfsup':>11}{'kornia':>11}{'lightly':>11}{'/kornia':>9}{'/lightly':>10}"
    )
    rows = [compare(name, size_px, args.batch, args.rounds) for size_px in args.size_px for name in args.recipe]
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n")
        draw(rows, args.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
