"""What `soak.py` runs and kills: each stage's command, how it is taken up again, and what must be there at the end.

A stage's folder holds all that it writes, its cache too; beside it lies the same of an unbroken run.
"""

import csv
import http.client
import json
import os
import random
import re
import shutil
import signal
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from selfsup.analysis.journal import OFFERED, Journal
from selfsup.catalogue import Catalogue
from selfsup.checkpoint import read_checkpoint
from selfsup.explorer.answers import Answers

COUNT = 60
CHOICES = [
    *("data=images", "data.table=labels.csv", "data.label=label", "data.classes=[round,elongated]", "data.tree=gz2"),
    *("data.size_px=32", "encoder=tiny_resnet", "trainer.batch_size=8", "trainer.log_every_steps=1", "probe=[knn]"),
    *("trainer.accelerator=cpu", "trainer.precision=32-true", "trainer.checkpoint_every_steps=1"),
]
TRAINED = ["trainer.max_epochs=3", "trainer.probe_every_epochs=1", "task.pixel_components=8"]
VOTED = ["objective=dirichlet", "objective.dropout=0.3", "trainer.max_epochs=1", "task.passes=2", "task.shown=2"]
VOTED += ["task.draws=2", "task.first=16", "task.batch=8", "task.rounds=1"]


class Stage:
    """A command that is started again until it ends by itself.

    `never_ends`: it is over when it was killed often enough, and lives `longest_s` at most.

    Args:
        folder: of this round of it.
        sky: images and their table.
        whole: where each stage's unbroken run lies, under its name.
    """

    never_ends, longest_s = False, 0.0

    def __init__(self, folder: Path, sky: Path, whole: Path) -> None:
        self.folder, self.sky, self.whole = folder, sky, whole
        folder.mkdir(parents=True, exist_ok=True)
        self.choices, self.cache = [*CHOICES, f"data.folder={sky}"], folder / "cache"
        self.acknowledged = 0
        self.has_ended = False

    @property
    def name(self) -> str:
        """In lower case."""
        return type(self).__name__.lower()

    @property
    def arguments(self) -> list[str]:
        """Of the next life."""
        raise NotImplementedError

    def attend(self, said: str) -> None:
        """While it lives; what this life has said so far."""

    def may_end_with(self, code: int) -> bool:
        """Whether this exit code is right; notes whether the round has come to its end."""
        self.has_ended = code == 0
        return self.has_ended

    def kill(self, process: int, jobs: list[int], by: signal.Signals, draw: random.Random) -> bool:
        """End a life -> whether it is over."""
        del jobs, draw
        os.kill(process, by)
        return True

    def faults(self) -> Iterator[str]:
        """What is not as in the unbroken run."""
        raise NotImplementedError

    def unlike(self, file: str, part: Any = lambda content: content) -> Iterator[str]:
        """A fault where (this part of) a JSON file is not that of the unbroken run."""
        ours, theirs = (part(json.loads((at / file).read_text())) for at in (self.folder, self.unbroken))
        if ours != theirs:
            yield f"{self.folder / file}: {str(ours)[:500]}, and without interruption {str(theirs)[:500]}"

    @property
    def unbroken(self) -> Path:
        """Folder of this stage's unbroken run."""
        return self.whole / self.name


class Pretrain(Stage):
    """A training, its packing and its report."""

    @property
    def arguments(self) -> list[str]:
        run = self.folder / "run"
        if (run / "config.yaml").is_file():
            return ["task=resume", f"task.run={run}", f"hydra.run.dir={self.folder / 'resumed'}"]
        return [*self.choices, *TRAINED, f"hydra.run.dir={run}"]

    def faults(self) -> Iterator[str]:
        if _end(self.folder / "run") != _end(self.unbroken / "run"):
            yield f"{self.folder / 'run'}: other weights"
        ours, theirs = (_rows(at / "run" / "metrics.csv") for at in (self.folder, self.unbroken))
        if ours != theirs:
            yield f"{self.folder / 'run' / 'metrics.csv'}: {len(ours)} rows, not the {len(theirs)} of an unbroken run"
        yield from self.unlike("run/report.json", lambda told: told["metrics"])


class Probe(Stage):
    """The scores of what the unbroken training has left."""

    @property
    def arguments(self) -> list[str]:
        given = [f"task.checkpoint={self.whole / 'pretrain' / 'run'}", f"data.folder={self.sky}"]
        return ["task=probe", *given, *CHOICES[:5], "probe=[knn,linear]", f"hydra.run.dir={self.folder / 'run'}"]

    def faults(self) -> Iterator[str]:
        yield from self.unlike("run/report.json", lambda told: told["metrics"])


class Embed(Stage):
    """A catalogue of many shards, which say with which cache they were made."""

    def __init__(self, folder: Path, sky: Path, whole: Path) -> None:
        super().__init__(folder, sky, whole)
        self.cache = whole / "cache"

    @property
    def arguments(self) -> list[str]:
        given = [f"task.checkpoint={self.whole / 'pretrain' / 'run'}", f"data.folder={self.sky}", *CHOICES[:5]]
        given += [f"task.output={self.folder / 'galaxies'}", "task.rows_per_shard=3"]
        return ["task=embed", *given, f"hydra.run.dir={self.folder / 'run'}"]

    def faults(self) -> Iterator[str]:
        ids = Catalogue.open(self.folder / "galaxies").ids
        if len(ids) != len(set(ids)) or len(ids) != COUNT:
            yield f"{self.folder / 'galaxies'}: {len(ids)} rows, of {len(set(ids))} galaxies, and there are {COUNT}"
        yield from self.unlike("galaxies/_manifest.json", lambda told: told["parts"])


class Hunt(Stage):
    """Tables of ratings, one after the other, each until the task confirms it."""

    tables = 3

    @property
    def arguments(self) -> list[str]:
        table = self.folder / f"ratings-{self.acknowledged}.csv"
        lines = [f"g{number:03},{number % 6}" for number in range(self.acknowledged, COUNT, 2 * self.tables)]
        table.write_text("\n".join(["id,rating", *lines, ""]))
        given = [f"task.catalogue={self.whole / 'embed' / 'galaxies'}", f"task.hunt={self.folder / 'hunt'}"]
        return ["task=hunt", *given, f"task.ratings={table}", f"hydra.run.dir={self.folder / 'run'}"]

    def may_end_with(self, code: int) -> bool:
        self.acknowledged += code == 0
        self.has_ended = self.acknowledged == self.tables
        return code == 0

    def faults(self) -> Iterator[str]:
        entries = Journal(self.folder / "hunt" / "ratings.jsonl").entries()
        rated = [entry.id for entry in entries if entry.rating != OFFERED]
        wanted = [f"g{n:03}" for first in range(self.tables) for n in range(first, COUNT, 2 * self.tables)]
        if rated != wanted:
            yield f"{self.folder / 'hunt'}: rated {rated}, and the tables rate {wanted}"
        ours, theirs = ((at / "run" / "ranking.csv").read_bytes() for at in (self.folder, self.unbroken))
        if ours != theirs:
            yield f"{self.folder / 'run' / 'ranking.csv'}: not that of an unbroken run"


class Label(Stage):
    """A campaign that reveals votes: two trainings, and what was asked between them."""

    @property
    def arguments(self) -> list[str]:
        given = [choice for choice in self.choices if not choice.startswith("probe")]
        places = [f"task.campaign={self.folder / 'campaign'}", f"hydra.run.dir={self.folder / 'run'}"]
        return ["task=label", *given, *VOTED, *places]

    def faults(self) -> Iterator[str]:
        for number in range(2):
            yield from self.unlike(f"campaign/round-{number:03}/scores.json")


class Waits(Label):
    """A campaign that waits for answers: those of the explorer. It is not killed."""

    @property
    def arguments(self) -> list[str]:
        given = [
            "data.table=unknown.csv" if choice.startswith("data.table") else choice for choice in super().arguments
        ]
        return [*given, "task.ask=csv"]


class Sweep(Stage):
    """Two trainings at a time, each a process of its own."""

    has_lost_a_job = False

    @property
    def arguments(self) -> list[str]:
        sweep = self.folder / "sweep"
        on = [f"sweep.resume={str((sweep / 'sweep.json').is_file()).lower()}", f"hydra.sweep.dir={sweep}"]
        return ["--multirun", *self.choices, *TRAINED, "seed=0,1", "hydra.launcher.n_jobs=2", *on]

    def kill(self, process: int, jobs: list[int], by: signal.Signals, draw: random.Random) -> bool:
        """Or one of its jobs, of which it tells in the end, and which then runs again."""
        self.has_lost_a_job = bool(jobs) and draw.random() < 0.5
        super().kill(draw.choice(jobs) if self.has_lost_a_job else process, [], by, draw)
        return not self.has_lost_a_job

    def may_end_with(self, code: int) -> bool:
        lost, self.has_lost_a_job = self.has_lost_a_job, False
        return super().may_end_with(code) or lost

    def faults(self) -> Iterator[str]:
        for number in range(2):
            yield from self.unlike(f"sweep/{number}/result.json")
            if _end(self.folder / "sweep" / str(number)) != _end(self.unbroken / "sweep" / str(number)):
                yield f"{self.folder / 'sweep' / str(number)}: other weights"


class Explore(Stage):
    """A server that is asked to keep ratings and answers, as fast as it does."""

    never_ends, longest_s = True, 20.0
    lives = 6

    def __init__(self, folder: Path, sky: Path, whole: Path) -> None:
        super().__init__(folder, sky, whole)
        self.catalogue = Catalogue.open(whole / "embed" / "galaxies")
        self.rated: list[tuple[str, float]] = []
        self.answered: dict[str, list[str]] = {}
        self.begun, self.draw = 0, random.Random(0)

    @property
    def arguments(self) -> list[str]:
        self.begun += 1
        if not (self.folder / "campaign").exists():
            shutil.copytree(self.whole / "waits" / "campaign", self.folder / "campaign")
        places = {"prepared": "prepared", "hunt": "hunt", "campaign": "campaign"}
        given = [f"task.{name}={self.folder / place}" for name, place in places.items()]
        given += [f"task.catalogue={self.whole / 'embed' / 'galaxies'}", f"hydra.run.dir={self.folder / 'run'}"]
        return ["task=explore", *given, "task.maps=[pca]", "task.components=4", "task.port=0", "task.open=false"]

    def attend(self, said: str) -> None:
        if found := re.search(r"http://([\d.:]+)/#token=(\S+)", said):
            row = self.draw.randrange(COUNT)
            if self.draw.random() < 0.7:
                rating = self.draw.randrange(6)
                if _post(*found.groups(), "hunt/rate", {"row": row, "rating": rating}):
                    self.rated.append((self.catalogue.ids[row], float(rating)))
            elif _post(*found.groups(), "label/answer", {"row": row, "answers": ["smooth-or-featured_artifact"]}):
                self.answered[self.catalogue.ids[row]] = ["smooth-or-featured_artifact"]
        self.acknowledged = len(self.rated) + len(self.answered)

    def kill(self, process: int, jobs: list[int], by: signal.Signals, draw: random.Random) -> bool:
        self.has_ended = self.begun >= self.lives and bool(self.rated)
        return super().kill(process, jobs, by, draw)

    def faults(self) -> Iterator[str]:
        entries = Journal(self.folder / "hunt" / "ratings.jsonl").entries()
        left = iter((entry.id, entry.rating) for entry in entries)
        if lost := [said for said in self.rated if said not in left]:  # in their order: each looks on from the last
            yield f"{self.folder / 'hunt'}: acknowledged, and not in the journal: {lost}"
        if len(entries) > len(self.rated) + self.begun:
            yield f"{self.folder / 'hunt'}: {len(entries)} ratings, of which {len(self.rated)} were acknowledged"
        kept = {galaxy for galaxy, _ in Answers(self.folder / "campaign" / "round-000" / "answers.jsonl").latest()}
        if lost := [galaxy for galaxy in self.answered if galaxy not in kept]:
            yield f"{self.folder / 'campaign'}: acknowledged, and not in the journal: {lost}"


STAGES: dict[str, type[Stage]] = {
    stage.__name__.lower(): stage for stage in (Pretrain, Probe, Embed, Hunt, Waits, Label, Explore, Sweep)
}


def _post(address: str, token: str, path: str, content: dict[str, Any]) -> bool:
    """Whether the server has acknowledged it; one that was killed has not."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        headers = {"content-type": "application/json", "x-selfsup-token": token}
        connection.request("POST", f"/api/{path}", json.dumps(content), headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return [{name: value for name, value in row.items() if value} for row in csv.DictReader(file)]


def _end(run: Path) -> str:
    """Digest of all that a training has learned."""
    digest = sha256()

    def take(value: Any) -> None:
        if isinstance(value, dict | list | tuple):
            for part in value.items() if isinstance(value, dict) else value:
                take(part)
        else:
            digest.update(value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value).encode())

    saved = read_checkpoint(run)
    take({key: saved[key] for key in ("global_step", "epoch", "state_dict", "optimizer_states")})
    return digest.hexdigest()
