"""What is known of every job of a sweep, on disk before it counts: a sweep that is killed forgets nothing.

A job is known by the digest of its configuration, so it is found again when the sweep is cut differently the next time.
Who works in a folder holds the lock in it.
"""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from selfsup.durable import replacing
from selfsup.types import DataError

JOBS = "jobs"
"""Folder of the records within the folder of a sweep."""
LOCK = ".lock"
"""In the folder of a sweep, and in that of a job: held by who works there."""
PENDING, RUNNING, DONE, FAILED, INTERRUPTED = "pending", "running", "done", "failed", "interrupted"
NOT_OF_THE_JOB = ("hydra", "sweep")
"""Parts of a configuration that say how jobs are started, not what they compute."""
log = logging.getLogger(__name__)


@dataclass
class Record:
    """One job, as far as it is known.

    Args:
        key: digest of its configuration; with a number behind it where a sweep has the same one more than once.
        number: its place in the sweep.
        overrides: what sets it apart, as it would be typed.
        folder: its run folder, seen from the sweep's.
        state: pending, running, done, failed or interrupted (can go on from a checkpoint).
        reason: what it died of.
        value: what its task returned: the first score.
        seconds: how long its last attempt took.
        attempts: how often it was started.
    """

    key: str
    number: int
    overrides: list[str]
    folder: str
    state: str = PENDING
    reason: str = ""
    value: float | None = None
    seconds: float = 0.0
    attempts: int = 0


@dataclass
class Ledger:
    """The records of a sweep, a small file each.

    Args:
        folder: the sweep's.
    """

    folder: Path
    records: dict[str, Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read what is there.

        Raises:
            DataError: a record cannot be read.
        """
        for file in sorted((self.folder / JOBS).glob("*.json")):
            try:
                record = Record(**json.loads(file.read_text()))
            except (ValueError, TypeError) as error:
                raise DataError(
                    f"{file}: not the record of a job ({error}); remove it, and the job runs anew"
                ) from error
            self.records[record.key] = record

    def find(self, key: str, number: int, overrides: Sequence[str], folder: str) -> Record:
        """The record of this job: the one that is there, in the run folder it has, or a new one.

        Args:
            key: as in `Record`.
            number: its place in the sweep now.
            overrides: as it would be typed now.
            folder: where it would run; in a folder of its own where another job has been there.
        """
        record = self.records.get(key)
        if record is None:
            is_there = os.path.exists(self.folder / folder)  # noqa: PTH110  (False, no error, of a name too long)
            is_taken = is_there or folder in {each.folder for each in self.records.values()}
            record = Record(key, number, list(overrides), f"{folder}-{key}" if is_taken else folder)
            self.records[key] = record
        record.number, record.overrides = number, list(overrides)
        if record.state in (FAILED, INTERRUPTED):
            record.state, record.reason = PENDING, ""
        self.write(record)
        return record

    def write(self, record: Record) -> None:
        """Put a record on the disk. A disk that is full stops no job: the record is then as old as it was."""
        try:
            (self.folder / JOBS).mkdir(parents=True, exist_ok=True)
            with replacing(self.folder / JOBS / f"{record.key}.json") as file:
                file.write(json.dumps(asdict(record), indent=1).encode())
        except OSError as error:
            log.warning("job %d: its state (%s) cannot be written: %s", record.number, record.state, error)


def digest(cfg: DictConfig) -> str:
    """Of what a job computes: its configuration before interpolation, so without times and the sweep's own folder."""
    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    told = {name: part for name, part in plain.items() if name not in NOT_OF_THE_JOB}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:12]
