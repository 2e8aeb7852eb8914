"""Weights & Biases that never asks, never stops a training, and is told no secret (Biewald 2020, wandb.com)."""

import logging
import os
import uuid
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import wandb
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from selfsup.durable import replacing
from selfsup.training.secrets import hide, redact
from selfsup.types import ConfigError

log = logging.getLogger(__name__)

MODES = ("auto", "online", "offline", "disabled")


class WandbRun(WandbLogger):
    """A run at Weights & Biases that never asks, never waits long, and keeps its id when it is taken up again.

    Args:
        folder: the run folder; the id is kept in it as `wandb_id`.
        project: the project at W&B.
        name: the run's name; None: the folder's name.
        group: what the runs of one sweep share.
        mode: auto (online where there is a key, else offline), online, offline, disabled.
        init_timeout_s: after so long a start goes on offline.
        finish_timeout_s: after so long an upload at the end is left to `wandb sync`.
        config: what is shown beside the curves; secrets are taken out.

    Raises:
        ConfigError: the mode is unknown, or is online where there is no key.
    """

    def __init__(
        self,
        folder: str,
        project: str,
        name: str | None,
        group: str | None,
        mode: str,
        init_timeout_s: float,
        finish_timeout_s: float,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name=name or Path(folder).name, save_dir=folder, project=project)
        self._folder, self._group, self._config = Path(folder), group, config or {}
        self._limits: dict[str, Any] = {"init_timeout": init_timeout_s, "finish_timeout": finish_timeout_s}
        self._mode = self._found_mode(mode) or "disabled"

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
        super().log_hyperparams(redact(vars(params) if isinstance(params, Namespace) else params))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the run, so that the next job of this process does not write into it."""
        if self._experiment is not None:
            self._id = self._experiment.id
            self._experiment.finish(exit_code=0 if status == "success" else 1)
            self._experiment = None

    @staticmethod
    @rank_zero_only
    def _found_mode(mode: str) -> str:
        """Only the first of several ranks asks for a key, which starts a process; the others never start a run."""
        return _mode(mode)

    def _start(self) -> Any:
        if wandb.run is not None:  # left open by a job of this process that died
            wandb.run.finish()
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
            with replacing(kept) as file:
                file.write(uuid.uuid4().hex[:8].encode())
        # Neither the command line, the code, the terminal nor the remote's address go along: all can hold secrets.
        settings = wandb.Settings(
            **self._limits,
            silent=True,
            quiet=True,
            console="off",
            x_disable_meta=True,
            save_code=False,
            disable_git=True,
        )
        wandb_mode: Any = mode
        return wandb.init(
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


def show_figure(loggers: Iterable[Logger], name: str, path: Path) -> None:
    """Show an image file where the logger can; a table of numbers cannot."""
    for logger in loggers:
        if isinstance(logger, WandbRun):
            logger.log_image(name, [str(path)])


def show_table(loggers: Iterable[Logger], name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Show a table where the logger can."""
    for logger in loggers:
        if isinstance(logger, WandbRun):
            logger.log_table(name, list(columns), [list(row) for row in rows])


def show_confusion(loggers: Iterable[Logger], name: str, counts: np.ndarray, classes: Sequence[str]) -> None:
    """Show (K, K) counts, rows true and columns predicted, as W&B's own confusion chart where there is W&B."""
    columns: list[str | int] = ["Actual", "Predicted", "nPredictions"]
    rows = [[classes[true], classes[guess], int(n)] for (true, guess), n in np.ndenumerate(counts)]
    for logger in loggers:
        if isinstance(logger, WandbRun):
            table = wandb.Table(columns=columns, data=rows)
            fields = {str(column): str(column) for column in columns}
            chart: Any = wandb.plot_table("wandb/confusion_matrix/v1", table, fields, {"title": name})
            logger.log_metrics({name: chart})


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
