"""Weights & Biases that never asks, never stops a training, and is told no secret (Biewald 2020, wandb.com)."""

import logging
import os
import signal
import uuid
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import wandb
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from selfsup.durable import replacing
from selfsup.secrets import hide, redact
from selfsup.types import ConfigError

log = logging.getLogger(__name__)

MODES = ("auto", "online", "offline", "disabled")
STAGING = "WANDB_DATA_DIR"
"""Where W&B keeps the pictures of a table until they are uploaded; by default in the home folder."""


class WandbRun(WandbLogger):
    """A run at Weights & Biases that never asks, never waits long, and keeps its id when it is taken up again.

    Where W&B's own process dies, the run goes on without it, and says so once.

    Args:
        folder: the run folder; the id is kept in it as `wandb_id`.
        project: the project at W&B.
        name: what the run is; None: the folder's name. A job of a sweep has its number in front.
        group: what several runs share; None: for a job the name of its sweep's folder, else nothing.
        sweep: the folder in which the jobs of a sweep lie, whether this run is one or not.
        galaxies: of those that were scored, on the table with their pictures.
        mode: auto (online where there is a key, else offline), online, offline, disabled.
        init_timeout_s: after so long a start goes on offline.
        finish_timeout_s: after so long an upload at the end is left to `wandb sync`.
        config: what is shown beside the curves; secrets are taken out.

    Raises:
        ConfigError: the mode is unknown, or is online where there is no key.
    """

    def __init__(  # noqa: PLR0913  (one key per setting, so that each is checked by name)
        self,
        folder: str,
        *,
        project: str,
        name: str | None,
        group: str | None,
        sweep: str,
        galaxies: int,
        mode: str,
        init_timeout_s: float,
        finish_timeout_s: float,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        run, jobs = Path(folder).resolve(), Path(sweep).expanduser().resolve()
        number = str(run.relative_to(jobs)) if run.is_relative_to(jobs) and run != jobs else ""
        super().__init__(name=" ".join(filter(None, [number, name])) or run.name, save_dir=folder, project=project)
        self._folder, self._config, self.galaxies = Path(folder), config or {}, galaxies
        self._group = jobs.name if group is None and number else group
        self._limits: dict[str, Any] = {"init_timeout": init_timeout_s, "finish_timeout": finish_timeout_s}
        self._mode = self._found_mode(mode) or "disabled"
        self._lost = False

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The run; started when it is first needed, and again with the same id after it was finished."""
        if self._experiment is None:
            self._experiment = self._start()
        return self._experiment

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        """Show these values beside the curves, without secrets."""
        with self._at_no_cost():
            super().log_hyperparams(redact(vars(params) if isinstance(params, Namespace) else params))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log numbers, or what else W&B can show; its files lie in the run folder."""
        if not self._lost:
            with self._at_no_cost(), _staged_in(self._folder / "wandb"):
                super().log_metrics(metrics, step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Nothing yet: Lightning calls it after the last step, and scores and figures belong to the same run."""

    @rank_zero_only
    def close(self, status: str) -> None:
        """End the run, so that the next job of this process does not write into it."""
        if self._experiment is not None:
            self._id = self._experiment.id
            with self._at_no_cost():
                try:
                    self._experiment.finish(exit_code=0 if status == "success" else 1)
                except TimeoutError:
                    log.warning("W&B: not all was uploaded in time. Upload the rest: wandb sync %s", self._folder)
                    _abandon()
            self._experiment = None

    @contextmanager
    def _at_no_cost(self) -> Iterator[None]:
        """What fails of W&B within is said once, and never stops the training."""
        try:
            yield
        except (OSError, wandb.errors.Error) as error:
            if not self._lost:
                log.warning("W&B is lost (%s): the run goes on without it, its folder has everything", hide(str(error)))
            self._lost = True

    @staticmethod
    @rank_zero_only
    def _found_mode(mode: str) -> str:
        """Only the first of several ranks asks for a key, which starts a process; the others never start a run."""
        return _mode(mode)

    def _start(self) -> Any:
        if wandb.run is not None:
            _end(wandb.run)
        try:
            run = self._init(self._mode)
        except wandb.errors.Error as error:
            if self._mode == "offline":
                raise
            reason = hide(str(error)).splitlines()[0]
            log.warning("W&B did not start (%s): going on offline. Upload later: wandb sync %s", reason, self._folder)
            self._mode = "offline"
            wandb.teardown()  # the start that failed still holds the id
            run = self._init(self._mode)
        run.define_metric("trainer/global_step")
        run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
        return run

    def _init(self, mode: str) -> Any:
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = self._folder / "wandb_id"
        if not kept.is_file():
            _write(kept, uuid.uuid4().hex[:8])
        # Neither the command line, the code, the terminal nor the remote's address go along: all can hold secrets.
        settings = wandb.Settings(
            **self._limits,
            finish_timeout_raises=True,
            silent=True,
            quiet=True,
            console="off",
            x_disable_meta=True,
            save_code=False,
            disable_git=True,
        )
        wandb_mode: Any = mode
        run = wandb.init(
            project=self._project,
            name=self._name,
            group=self._group,
            dir=str(self._folder),
            id=kept.read_text(),
            resume="allow" if mode == "online" else None,
            mode=wandb_mode,
            config=redact(dict(self._config)),
            settings=settings,
        )
        if run.settings.sweep_id is not None:  # the agent of `wandb sweep` has named the run
            _write(kept, run.id)
        return run


def _end(run: Any) -> None:
    """Of a job of this process that died, or whose W&B did."""
    try:
        run.finish()
    except (OSError, wandb.errors.Error):
        _abandon()


def _abandon() -> None:
    """End W&B's own process, for which Python would wait when it ends; what it has not uploaded is on the disk."""
    for listed in Path("/proc/self/task").glob("*/children"):
        for number in listed.read_text().split():
            if Path(f"/proc/{number}/comm").read_text() == "wandb-core\n":
                os.kill(int(number), signal.SIGKILL)
    with suppress(OSError, SystemExit):  # it says goodbye, now in vain, and would end as the killed one did
        wandb.teardown()
    wandb.teardown()  # what the first did not come to


@contextmanager
def _staged_in(folder: Path) -> Iterator[None]:
    """Let W&B keep there what belongs to a table, unless the environment names a place."""
    named = STAGING in os.environ
    os.environ.setdefault(STAGING, str(folder))
    try:
        yield
    finally:
        if not named:
            del os.environ[STAGING]


def _write(file: Path, text: str) -> None:
    with replacing(file) as stream:
        stream.write(text.encode())


def _mode(mode: str) -> str:
    """The mode asked for -> online, offline or disabled; asks nobody, contacts nobody."""
    mode = os.environ.get("WANDB_MODE", mode) if mode == "auto" else mode
    if mode not in MODES:
        raise ConfigError(f"logger.mode={mode}: unknown. Write one of {', '.join(MODES)}.")
    if mode not in ("auto", "online"):
        return mode
    wandb.setup(settings=wandb.Settings(silent=True))
    try:
        found = wandb.login(prompt=False, verify=False)
    except wandb.errors.Error as error:
        log.warning("W&B: the key cannot be used (%s)", hide(str(error)))
        found = False
    if mode == "online" and not found:
        raise ConfigError(
            "logger.mode=online: no usable W&B key. Run `wandb login`, set WANDB_API_KEY, or use mode=auto."
        )
    return "online" if found else "offline"
