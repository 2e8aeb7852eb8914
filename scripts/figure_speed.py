"""Draw what `benchmark_step.py`, `benchmark_training.py` and `profile_training.py` found.

uv run python scripts/figure_speed.py step.json training.json profile_before.json profile_after.json --out speed.png
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

Found = dict[str, dict]


def draw_steps(axes: Axes, found: Found) -> None:
    """Every variant of the bare step as a share of the best."""
    names = sorted({name for each in found.values() for name in each["images_per_s"]})
    for place, each in enumerate(found.values()):
        rates = each["images_per_s"]
        most = max(rates.values())
        for name, rate in rates.items():
            shape = "o" if name.endswith("eager") else "^"
            axes.plot(rate / most, place, shape, color=f"C{names.index(name)}")
        axes.plot(rates[each["default"]] / most, place, "ks", mfc="none", ms=12)
        axes.text(1.03, place, f"{most:.0f}/s", va="center", fontsize=8)
    for index, name in enumerate(names):
        axes.plot([], [], "o" if name.endswith("eager") else "^", color=f"C{index}", label=name)
    axes.plot([], [], "ks", mfc="none", ms=12, label="what selfsup takes")
    axes.set(yticks=range(len(found)), yticklabels=found, xlim=(0, 1.15), title="The bare step", xlabel="of the best")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))


def draw_loops(axes: Axes, found: Found) -> None:
    """The rate of each loop, as a share of the bare step's."""
    rows = [(title, name, max(turns)) for title, loops in found.items() for name, turns in loops.items()]
    for place, (title, name, rate) in enumerate(rows):
        colour = {"bare": "0.7", "selfsup": "C0"}.get(name, "C1")
        axes.barh(place, rate / max(found[title]["bare"]), color=colour)
        axes.text(0.01, place, f"{rate:.0f} images/s", va="center", fontsize=7)
    labels = [f"{title}: bare" if name == "bare" else name for title, name, _ in rows]
    axes.set(yticks=range(len(rows)), title="Whole loops", xlabel="of the bare step")
    axes.set_yticklabels(labels, fontsize=7)


def draw_parts(axes: Axes, found: Found) -> None:
    """Where the time of a step goes."""
    parts = [part for part in next(iter(found.values())) if part != "all"]
    left = dict.fromkeys(found, 0.0)
    for part in parts:
        shares = [seconds.get(part, 0.0) / seconds["all"] for seconds in found.values()]
        axes.barh(range(len(found)), shares, left=list(left.values()), label=part)
        left = dict(zip(found, (a + b for a, b in zip(left.values(), shares, strict=True)), strict=True))
    axes.set(yticks=range(len(found)), title="Parts of the loop", xlabel="share of the time", xlim=(0, 1))
    axes.set_yticklabels(found, fontsize=7)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))


def read(file: Path) -> Found:
    """What a script wrote."""
    found: Found = json.loads(file.read_text())
    return found


def main() -> None:
    """Three panels, one above the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", type=Path)
    parser.add_argument("training", type=Path)
    parser.add_argument("profiles", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    profiles = {f"{name} ({file.stem})": each for file in args.profiles for name, each in read(file).items()}
    found = [read(args.step), read(args.training), dict(sorted(profiles.items(), reverse=True))]
    heights = [
        2 + 0.4 * len(found[0]),
        1 + 0.22 * sum(len(loops) for loops in found[1].values()),
        2 + 0.3 * len(found[2]),
    ]
    figure, panels = plt.subplots(3, figsize=(11, sum(heights)), height_ratios=heights, layout="constrained")
    for axes, draw, each in zip(panels, (draw_steps, draw_loops, draw_parts), found, strict=True):
        draw(axes, each)
        axes.invert_yaxis()
    figure.savefig(args.out, dpi=110)


if __name__ == "__main__":
    main()
