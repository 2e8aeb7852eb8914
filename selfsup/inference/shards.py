"""A catalogue too large for one sitting, cut into shards: each is made once, by whichever worker comes to it first.

A shard is there or not, and who makes one holds its lock, which the kernel takes back from the dead. So any number of
processes, on one machine or on several that share a file system, work on one catalogue by the same command; they agree
on nothing but a folder, and may come late or be killed. Where locks do not hold between machines, two may make the same
shard: the same bytes, and the second rename changes nothing.

    galaxies.unfinished/part-00000.parquet ...     .work/00000.json (what is in it), 00000.lock, plan.json
    galaxies/part-00000.parquet ... _manifest.json _unreadable.csv                          once all shards are there
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from selfsup.catalogue import Catalogue
from selfsup.data.packing import Fault, check_share, listed
from selfsup.durable import replacing
from selfsup.locks import alone, claim
from selfsup.types import ConfigError, DataError

FORMAT = 2
"""Raised when the same plan would give other bytes."""
POLL_S = 0.2
"""How often a worker with nothing left to begin looks whether the others have finished."""
MANIFEST, UNREADABLE = "_manifest.json", "_unreadable.csv"
"""Whoever reads a folder of Parquet files passes over names that begin so."""


@dataclass(frozen=True)
class Plan:
    """What is to be made; every worker has the same.

    Args:
        count: N, galaxies with and without a readable picture.
        rows: galaxies of a shard; the last may have fewer.
        made_of: all that the bytes depend on, as plain values: catalogues of different things are never mixed.
        provenance: of the catalogue; the first worker's is kept.
    """

    count: int
    rows: int
    made_of: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Refuse what cannot be cut."""
        if self.rows < 1:
            raise ConfigError(f"task.rows_per_shard={self.rows}: write 1 or more, such as 4096")

    def __len__(self) -> int:
        """Shards."""
        return (self.count + self.rows - 1) // self.rows

    def rows_of(self, number: int) -> range:
        """The galaxies of a shard."""
        return range(number * self.rows, min(self.count, (number + 1) * self.rows))


class Shards:
    """The shards of a catalogue, in its folder or, until all are there, beside it.

    Args:
        output: folder of the catalogue.
        plan: what it is to hold.

    Raises:
        ConfigError: another catalogue is there, finished or not.
    """

    def __init__(self, output: Path, plan: Plan) -> None:
        self.output, self.unfinished = output, output.with_name(f"{output.name}.unfinished")
        self.work = self.unfinished / ".work"
        self._known: set[int] = set()
        if not self.is_finished:
            _refuse_others(output)
            self.work.mkdir(parents=True, exist_ok=True)
        self.plan = self._agreed(plan)

    @property
    def is_finished(self) -> bool:
        """Whether all shards are there, and the catalogue has its name."""
        return (self.output / MANIFEST).is_file()

    def claimed(self, first: int = 0) -> Iterator[int]:
        """Numbers of shards that nobody has made, one at a time, each locked until the next; ends when all are there.

        Args:
            first: where to begin: workers that begin far from each other rarely meet.
        """
        order = [*range(first, len(self.plan)), *range(first)]
        while missing := [number for number in order if not self._is_made(number)]:
            begun = False
            for number in missing:
                with suppress(FileNotFoundError):  # another worker has just given the catalogue its name
                    lock = claim(self.work / f"{number:05d}.lock") if self.work.is_dir() else None
                    if lock is None:
                        continue
                    with lock:
                        if not self._is_made(number):
                            begun = True
                            yield number
            if not begun:
                time.sleep(POLL_S)

    def write(self, number: int, catalogue: Catalogue, unreadable: list[Fault]) -> None:
        """Put a shard on the disk, then on record.

        Args:
            number: of the shard.
            catalogue: its readable galaxies.
            unreadable: its others.
        """
        part = self.unfinished / f"part-{number:05d}.parquet"
        catalogue.save(part)
        with part.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        record = {"rows": len(catalogue), "sha256": digest, "unreadable": unreadable}
        with replacing(self.work / f"{number:05d}.json") as file:
            file.write(json.dumps(record).encode(errors="surrogateescape"))

    def made(self) -> int:
        """Galaxies in the shards that are there, whoever made them."""
        return sum(len(self.plan.rows_of(number)) for number in range(len(self.plan)) if self._is_made(number))

    def finish(self, max_unreadable_share: float) -> dict[str, Any]:
        """Give the catalogue its name, or find that another worker has -> its manifest.

        Raises:
            DataError: more than this share of the galaxies, or all, are unreadable, or a shard was changed.
        """
        with suppress(FileNotFoundError):
            lock = None if self.is_finished else claim(self.work / "finish.lock")
            if lock is not None:
                with lock:
                    self._publish(max_unreadable_share)
        while not self.is_finished:  # who holds the lock is about to
            if not self.unfinished.is_dir():
                raise DataError(f"{self.unfinished}: removed while it was worked on; start again")
            time.sleep(POLL_S)
        manifest: dict[str, Any] = json.loads((self.output / MANIFEST).read_text())
        return manifest

    def _publish(self, max_unreadable_share: float) -> None:
        """All shards are there: list them, and rename the folder in one step."""
        records = [json.loads((self.work / f"{number:05d}.json").read_text()) for number in range(len(self.plan))]
        unreadable: list[Fault] = [tuple(fault) for record in records for fault in record["unreadable"]]
        if unreadable:
            check_share(unreadable, self.plan.count, max_unreadable_share)
        parts = [{"rows": record["rows"], "sha256": record["sha256"]} for record in records]
        rows = sum(part["rows"] for part in parts)
        told = {**asdict(self.plan), "galaxies": rows, "unreadable": len(unreadable), "parts": parts}
        self._write(UNREADABLE, listed(unreadable))
        self._write(MANIFEST, json.dumps({"format": FORMAT, **told}, indent=1))
        self.unfinished.rename(self.output)
        shutil.rmtree(self.output / ".work", ignore_errors=True)

    def _write(self, name: str, text: str) -> None:
        with replacing(self.unfinished / name) as file:
            file.write(text.encode(errors="surrogateescape"))

    def _is_made(self, number: int) -> bool:
        if number not in self._known and ((self.work / f"{number:05d}.json").is_file() or self.is_finished):
            self._known.add(number)
        return number in self._known

    def _agreed(self, plan: Plan) -> Plan:
        """The plan that is on the disk, written by whoever came first."""
        file = self.output / MANIFEST if self.is_finished else self.work / "plan.json"
        if not file.is_file():
            with alone(self.work / "plan.lock"):
                if not file.is_file():
                    with replacing(file) as stream:
                        stream.write(json.dumps({"format": FORMAT, **asdict(plan)}).encode())
        there = json.loads(file.read_text())
        asked = json.loads(json.dumps({"format": FORMAT, **asdict(plan)}))
        if others := _differences(there, asked):
            raise ConfigError(
                f"task.output: {file.parent.parent if file.name == 'plan.json' else self.output} is a catalogue of "
                f"something else ({'; '.join(others)}); name another folder, or remove that one"
            )
        return Plan(plan.count, plan.rows, plan.made_of, there["provenance"])


def require_folder(output: Path) -> Path:
    """The same path; raises ConfigError where it is named like a file."""
    if output.suffix:
        raise ConfigError(f"task.output: {output} is to be a folder of shards; name one, such as {output.stem}")
    return output


def _refuse_others(output: Path) -> None:
    require_folder(output)
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ConfigError(f"task.output: {output} is there already, and is no catalogue of this command; name another")


def _differences(there: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """What two plans disagree on, in words."""
    pairs = [(name, there.get(name), asked[name]) for name in ("format", "count", "rows")]
    names = sorted({*there.get("made_of", {}), *asked["made_of"]})
    pairs += [(name, there.get("made_of", {}).get(name), asked["made_of"].get(name)) for name in names]
    return [f"{name} {_short(old)}, not {_short(new)}" for name, old, new in pairs if old != new]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
