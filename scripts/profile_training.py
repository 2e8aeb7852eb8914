"""Where the time of a training goes: the parts of a step, beside what the step cannot do without.

A short training as `uv run selfsup` runs it, with a clock at the borders of its parts; the table names each part's
share of the time between the first and the last counted step. On a CPU calls return when they are done, so that
clocks tell the truth.

    uv run python scripts/profile_training.py data=images data.folder=DIR encoder=resnet18 --steps 20
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import lightning as L
from hydra import compose, initialize_config_dir
from torch import nn

from selfsup.objectives.base import Objective
from selfsup.tasks.pretrain import assemble
from selfsup.training.health import CollapseWatch
from selfsup.training.learner import Learner
from selfsup.training.loop import fit

ROOT = Path(__file__).parents[1]
SKIPPED = 4
NEEDED = ("objective", "backward", "optimizer")


class Enough(Exception):
    """The steps that were asked for are done."""


class Borders(L.Callback):
    """Seconds of each part of the counted steps.

    Args:
        steps: how many are counted.
    """

    def __init__(self, steps: int) -> None:
        self.steps, self.seconds = steps, defaultdict(float)
        self._since: dict[str, float] = {}
        self._counts = False

    def begin(self, part: str) -> None:
        self._since[part] = time.perf_counter()

    def end(self, part: str) -> None:
        if self._counts and part in self._since:
            self.seconds[part] += time.perf_counter() - self._since.pop(part)

    def around(self, module: nn.Module, part: str) -> None:
        """Watch a module's forward."""
        module.register_forward_pre_hook(lambda *_: self.begin(part))
        module.register_forward_hook(lambda *_: self.end(part))

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.optimizers[0].register_step_post_hook(lambda *_: self.end("optimizer"))

    def on_train_batch_start(self, trainer: L.Trainer, *_: object) -> None:
        if trainer.global_step == SKIPPED and not self._counts:
            self._counts = True
            self.begin("all")
        if trainer.global_step == SKIPPED + self.steps:
            self.end("all")
            raise Enough
        self.end("next batch")

    def on_before_backward(self, *_: object) -> None:
        self.begin("backward")

    def on_after_backward(self, *_: object) -> None:
        self.end("backward")

    def on_train_batch_end(self, *_: object) -> None:
        self.begin("next batch")


def profile(overrides: list[str], steps: int, folder: Path) -> dict[str, float]:
    """Part -> seconds a step; `rest` is Lightning, schedules and logging."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        parts = assemble(compose("config", ["trainer.probe_every_epochs=null", *overrides]), folder)
    borders, learner = Borders(steps), parts.learner
    watch(borders, learner, parts.objective)
    with suppress(Enough):
        fit(learner, parts.data, {}, parts.loggers, folder, [borders])
    seconds = {name: value / steps for name, value in borders.seconds.items()}
    seconds["rest"] = 2 * seconds["all"] - sum(seconds.values())
    return seconds


def watch(borders: Borders, learner: Learner, objective: Objective) -> None:
    """Clocks around the views, the objective, the clipping (after which the optimizer steps), the watch on collapse."""
    borders.around(learner.views, "views")
    borders.around(objective, "objective")
    clip, observe = learner.configure_gradient_clipping, CollapseWatch.on_train_batch_end

    def clipped(*args: object, **keywords: object) -> None:
        borders.begin("clipping")
        clip(*args, **keywords)
        borders.end("clipping")
        borders.begin("optimizer")

    def watched(*args: object, **keywords: object) -> None:
        borders.begin("watch on collapse")
        observe(*args, **keywords)
        borders.end("watch on collapse")

    learner.configure_gradient_clipping = clipped
    CollapseWatch.on_train_batch_end = watched


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="+", help="of the configuration")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--out", type=Path, help="JSON, to which the profile is added under the overrides")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = profile(args.overrides, args.steps, Path(folder))
    for part, value in sorted(seconds.items(), key=lambda each: -each[1]):
        print(f"{part:20} {1e3 * value:8.1f} ms a step  {value / seconds['all']:6.1%}")
    print(f"{'needed':20} {sum(seconds[part] for part in NEEDED) / seconds['all']:.3f} of all")
    if args.out:
        found = json.loads(args.out.read_text()) if args.out.exists() else {}
        found[" ".join(o for o in args.overrides if "folder" not in o)] = seconds
        args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
