"""Hydra's launcher for this machine: every job in a process of its own, recorded, and taken up again where it was.

Hydra's own runs all jobs in the sweep's process, where one that is killed kills the others, and leaves its state to the
next (dtype, seeds, environment).
"""

import logging
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from selfsup.sweeps.crew import Crew, Task
from selfsup.sweeps.devices import Devices, visible
from selfsup.sweeps.folders import choose, held
from selfsup.sweeps.job import Job, compose
from selfsup.sweeps.ledger import DONE, Ledger, Record
from selfsup.sweeps.process import OUTPUT
from selfsup.sweeps.table import Table
from selfsup.types import ConfigError, Interrupted

log = logging.getLogger(__name__)


class JobFailed(ConfigError):
    """A job left no result: which, why, where its output is.

    A ConfigError, so that the command ends with this message alone: the traceback is the job's, in its output.
    """


@dataclass
class Settings:
    """What the configuration says (conf/hydra/launcher), checked by OmegaConf; defaults stand there."""

    n_jobs: int | None
    gpus_per_job: int
    timeout_s: float | None
    grace_s: float
    resume: bool


class Processes(Launcher):
    """Runs each job as `python -m selfsup` in a process of its own.

    Args:
        settings: jobs at a time (null: as many as the GPUs allow, one without), GPUs for each, seconds that a job may
            take (null: any), seconds from asking it to stop to killing it, whether a sweep that is there goes on.
    """

    def __init__(self, **settings: Any) -> None:
        self._given = settings
        self._occurrences: dict[str, int] = {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Check the settings, and take the sweep's folder: a new one, or the one that goes on.

        Raises:
            ConfigError: a setting is wrong, or the folder cannot be had.
        """
        del task_function  # the job's own process finds it
        self._settings = checked(self._given)
        self._context, self._config = hydra_context, config
        folder = choose(config, self._settings.resume)
        config.hydra.sweep.dir = str(folder)
        self._ledger = Ledger(folder)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run these jobs -> what each returned; an error for one that left no result, raised when it is looked at.

        Raises:
            Interrupted: a signal asked to stop; what was at work has ended, and can go on.
        """
        setup_globals()
        configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        loader = self._context.config_loader
        numbered = enumerate(job_overrides, initial_job_idx)
        jobs = [compose(loader, self._config, overrides, number) for number, overrides in numbered]
        with held(self._ledger.folder):
            records = [self._record(job) for job in jobs]
            by = self._run(jobs, records)
        if by is not None:
            raise Interrupted(f"stopped by {by.name}. {self._how_to_go_on()}")
        return [self._returned(job, record) for job, record in zip(jobs, records, strict=True)]

    def _record(self, job: Job) -> Record:
        """The job's record; the second one of the same configuration has a key of its own."""
        occurrence = self._occurrences[job.digest] = self._occurrences.get(job.digest, 0) + 1
        key = job.digest if occurrence == 1 else f"{job.digest}-{occurrence}"
        return self._ledger.find(key, job.number, job.overrides, job.subdir)

    def _run(self, jobs: Sequence[Job], records: Sequence[Record]) -> signal.Signals | None:
        devices = Devices(visible())
        most = max((job.gpus for job in jobs), default=0)
        n_jobs = min(len(jobs), self._settings.n_jobs or max(1, devices.count // max(1, most)))
        table = Table(records, self._ledger.folder)
        log.info("%s, %d at a time, in %s", table.summary(), n_jobs, self._ledger.folder)
        limits = (self._settings.timeout_s, self._settings.grace_s)
        crew = Crew(self._ledger, devices, n_jobs, *limits, table.update)
        with table.shown():
            return crew.run([Task(r, j.command, j.gpus) for j, r in zip(jobs, records, strict=True)])

    def _returned(self, job: Job, record: Record) -> JobReturn:
        folder = self._ledger.folder / record.folder
        returned = job.returned(folder)
        if record.state == DONE:
            returned.status, returned.return_value = JobStatus.COMPLETED, record.value
        else:
            told = " ".join(job.overrides)
            message = f"job {job.number} ({told}): {record.reason}\n  its output: {folder / OUTPUT}"
            returned.status = JobStatus.FAILED
            returned.return_value = JobFailed(f"{message}\n{self._how_to_go_on()}")
        return returned

    def _how_to_go_on(self) -> str:
        """The command that runs what is missing."""
        places = ("sweep.resume=", "hydra.sweep.dir=")
        given = [word for word in sys.argv[1:] if not word.startswith(places)]
        told = ["sweep.resume=true", f"hydra.sweep.dir={self._ledger.folder}"]
        return "What is missing runs with: " + shlex.join(["selfsup", *given, *told])


def checked(given: Mapping[str, Any]) -> Settings:
    """The settings, of the types they are to have.

    Raises:
        ConfigError: one is not.
    """
    try:
        merged = OmegaConf.merge(OmegaConf.structured(Settings), dict(given))
        settings: Any = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        name = f"hydra.launcher.{error.full_key}" if error.full_key else "hydra.launcher"
        raise ConfigError(f"{name}: {str(error).splitlines()[0]}") from error
    for key, least in (("n_jobs", 1), ("gpus_per_job", 0), ("timeout_s", 0), ("grace_s", 0)):
        value = getattr(settings, key)
        if value is not None and value < least:
            raise ConfigError(f"hydra.launcher.{key}: {value} is not at least {least}")
    found: Settings = settings
    return found
