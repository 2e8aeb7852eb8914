"""Kill trainings, probes, embeddings, hunts, campaigns, explorers and sweeps at random, and see that nothing is lost.

Every stage runs once unbroken. Then two at a time are ended after random times, half of them as soon as something is
being written, by SIGKILL and now and then by SIGTERM; each goes on by the command that its user would type. What has
come to its end is compared with the unbroken run, and begins anew:

    uv run python scripts/soak.py --minutes 30 --kills 1000 --out soak.json

Ends with 1 at the first file that is torn, label that was acknowledged and is gone, row that is there twice, or result
that is another one.
"""

import argparse
import csv
import importlib
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from soak_files import faulty, gone_mid_write, partials
from soak_lives import IMPORTED, POLITE, Life, born, words
from soak_stages import COUNT, STAGES, Stage, Waits

from selfsup import trees

ASKED = 0.15
"""Share of the lives that are ended by SIGTERM."""
AT_A_WRITE = 0.5
DEAF_S = 90.0
"""Who was asked to end has done so within this time."""
TOGETHER = 2
COLUMNS = ("SIGKILL", "SIGTERM", "in the middle of a write", "ended by itself", "rounds compared", "acknowledged")


class Lost(Exception):
    """Something is not as it would be without the kills."""


class Soak:
    """Rounds of stages.

    Args:
        folder: all is in it.
        names: of the stages.
        seed: of the moments.
    """

    def __init__(self, folder: Path, names: list[str], seed: int) -> None:
        self.folder, self.names, self.draw = folder, names, random.Random(seed)
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in names}
        self.took_s: dict[str, float] = {}
        self.waiting: list[Stage] = []

    def unbroken(self) -> None:
        """Run once, to its end, what is to be killed, and what it needs."""
        for name in STAGES:
            if name in (*self.names, "pretrain", "embed", "waits") and not STAGES[name].never_ends:
                begun_s = time.monotonic()
                self._to_the_end(self._new(name, self.folder / "whole" / name))
                self.took_s[name] = time.monotonic() - begun_s
                print(f"unbroken: {name} in {self.took_s[name]:.0f} s", flush=True)

    def kill(self, minutes: float, kills: int) -> None:
        """Until one of them is reached; then every stage comes to its end."""
        until_s, lives = time.monotonic() + 60 * minutes, []
        self.waiting = [self._round(name) for name in self.names]
        while time.monotonic() < until_s and self.killed < kills:
            while len(lives) < TOGETHER and self.waiting:
                lives.append(self._start(self.waiting.pop(self.draw.randrange(len(self.waiting)))))
            lives = [life for life in lives if not self._is_over(life)]
            time.sleep(0.002)
        for life in lives:
            self._end(life, signal.SIGKILL)
        for stage in self.waiting:
            stage.never_ends or self._to_the_end(stage)
            self._compare(stage)

    @property
    def killed(self) -> int:
        """So far."""
        return sum(count["SIGKILL"] + count["SIGTERM"] for count in self.counts.values())

    def _new(self, name: str, folder: Path) -> Stage:
        return STAGES[name](folder, self.folder / "sky", self.folder / "whole")

    def _round(self, name: str) -> Stage:
        return self._new(name, self.folder / f"{name}-{self.counts[name]['rounds compared'] + 1}")

    def _start(self, stage: Stage) -> Life:
        at_most_s = stage.longest_s or 1.2 * self.took_s[stage.name]
        before, spoken = partials(stage.folder), words(stage).stat().st_size if words(stage).exists() else 0
        end_s = time.monotonic() + self.draw.uniform(0.0, at_most_s)
        return Life(stage, born(stage, stage.arguments), spoken, end_s, self.draw.random() < AT_A_WRITE, before)

    def _is_over(self, life: Life) -> bool:
        """Look at a life, and end it when it is time."""
        code = life.code(0.0)
        if code is not None:
            self._ended(life, code)
            return True
        life.stage.attend(life.said())
        late_s = time.monotonic() - life.end_s
        if late_s < 0 or (life.at_a_write and late_s < 1 and partials(life.stage.folder) <= life.before):
            return False
        return self._end(life, signal.SIGTERM if self.draw.random() < ASKED else signal.SIGKILL)

    def _end(self, life: Life, by: signal.Signals) -> bool:
        """Kill it, or one of its jobs, or ask it to end; nothing may be torn -> whether it is over."""
        stage, count = life.stage, self.counts[life.stage.name]
        is_over = stage.kill(life.process, life.jobs(), by, self.draw)
        count[by.name] += 1
        if is_over:
            code = life.code(DEAF_S)
            if code is None or (by is signal.SIGTERM and code not in POLITE):
                raise Lost(f"{stage.name} was asked to end, and {code or 'still lives'}:\n{life.said()[-3000:]}")
            self.waiting.append(stage)
        life.end_s += self.took_s.get(stage.name, 0.0)
        count["in the middle of a write"] += bool(partials(stage.folder) - life.before or gone_mid_write(stage.folder))
        _refuse(faulty(stage.folder, at_rest=False))
        if is_over and stage.has_ended:
            self._next(self.waiting.pop())
        return is_over

    def _ended(self, life: Life, code: int) -> None:
        """It has come to its end before it was killed."""
        stage = life.stage
        if not stage.may_end_with(code):
            raise Lost(f"{stage.name} ended with {code}:\n{life.said()[-3000:]}")
        self.counts[stage.name]["ended by itself"] += 1
        self._next(stage) if stage.has_ended else self.waiting.append(stage)

    def _next(self, stage: Stage) -> None:
        self._compare(stage)
        self.waiting.append(self._round(stage.name))

    def _to_the_end(self, stage: Stage) -> None:
        """Let it live."""
        while not stage.has_ended:
            code = Life(stage, born(stage, stage.arguments), 0, 0.0, False, set()).code(600.0)
            if code is None or not stage.may_end_with(code):
                raise Lost(f"{stage.name} ended with {code}:\n{words(stage).read_text()[-3000:]}")

    def _compare(self, stage: Stage) -> None:
        """A round is over: is it like an unbroken one?"""
        _refuse([*stage.faults(), *faulty(stage.folder, at_rest=not stage.never_ends)])
        self.counts[stage.name] += {"rounds compared": 1, "acknowledged": stage.acknowledged}
        shutil.rmtree(stage.folder)
        print(f"{self.killed} kills; {stage.folder.name} ended like an unbroken run", flush=True)


def _refuse(faults: list[str]) -> None:
    if faults:
        raise Lost("\n".join(faults))


def draw_sky(folder: Path) -> None:
    """Two kinds of ellipses, and their table; in another table nobody has voted."""
    folder.mkdir(parents=True)
    draw, answers = np.random.default_rng(0), trees.tree("gz2").answers
    y, x = np.mgrid[:32, :32] - 15.5
    rows = []
    for number in range(COUNT):
        light = np.exp(-((x / 7) ** 2 + (y / (2 + 5 * (number % 2))) ** 2))[..., None] * draw.uniform(0.5, 1, 3)
        pixels = light + draw.normal(0.05, 0.02, (32, 32, 3))
        Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8)).save(folder / f"g{number:03}.png")
        rows.append([f"g{number:03}", ("elongated", "round")[number % 2], *draw.integers(0, 20, len(answers))])
    for name, known in (("labels.csv", COUNT), ("unknown.csv", COUNT // 2)):
        with (folder / name).open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["id", "label", *answers])
            table.writerows(row if place < known else [*row[:2], *[0] * len(answers)] for place, row in enumerate(rows))


def show(soak: Soak) -> None:
    """A row for each stage."""
    print(f"{'':10}" + "".join(f"{name:>26}" for name in COLUMNS))
    for name, count in [*soak.counts.items(), ("all", sum(soak.counts.values(), Counter()))]:
        print(f"{name:10}" + "".join(f"{count[column]:26}" for column in COLUMNS))


def main() -> None:
    """Parse, soak, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stages", default=",".join(name for name in STAGES if STAGES[name] is not Waits))
    parser.add_argument("--folder", type=Path, help="an empty folder, which stays; a temporary one otherwise")
    parser.add_argument("--out", type=Path, help="the counts, as JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for part in IMPORTED:
        importlib.import_module(part)
    folder = (options.folder or Path(tempfile.mkdtemp(prefix="soak-"))).resolve()
    soak, begun_s = Soak(folder, options.stages.split(","), options.seed), time.monotonic()
    draw_sky(folder / "sky")
    try:
        soak.unbroken()
        soak.kill(options.minutes, options.kills)
    except Lost as lost:
        show(soak)
        sys.exit(f"LOST: {lost}\n{folder} is left as it is")
    minutes = (time.monotonic() - begun_s) / 60
    if options.out:
        told = {"seed": options.seed, "minutes": round(minutes, 1), "kills": soak.killed, "stages": soak.counts}
        options.out.write_text(json.dumps(told, indent=1) + "\n")
    if not options.folder:
        shutil.rmtree(folder)
    print(f"{soak.killed} kills in {minutes:.0f} minutes, and nothing was lost")
    show(soak)


if __name__ == "__main__":
    main()
