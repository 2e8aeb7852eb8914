"""Where the curves go: a table that survives a resume, Weights & Biases that never stops a training, or TensorBoard.

Whatever leaves the process is stripped of secrets first: `redact`.
"""

import csv
import logging
import os
import re
import uuid
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import wandb
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only

from selfsup.types import ConfigError

log = logging.getLogger(__name__)

SECRET_NAME = re.compile(r"key|token|secret|password|credential|auth", re.IGNORECASE)
SHORTEST_SECRET = 8
"""Characters; a shorter value of the environment ("1", "true") is only a secret where it is the whole text."""
MODES = ("auto", "online", "offline", "disabled")


class MetricsCSV(CSVLogger):
    """metrics.csv in the run folder; a run that is taken up again adds rows, where Lightning's logger would start anew.

    Lightning saves after each logged row, so a crash loses nothing. The configuration is not written a second time:
    it lies in the folder already.
    """

    def __init__(self, folder: str) -> None:
        super().__init__(save_dir=folder, name="", version="")

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        """The open table."""
        if self._experiment is None:
            self._experiment = _AppendingTable(self.log_dir)
        return self._experiment  # type: ignore[return-value]

    @rank_zero_only
    def log_hyperparams(self, params: object = None) -> None:
        """Nothing to write: Hydra keeps the configuration in the run folder."""


class _AppendingTable(ExperimentWriter):
    """Rows are appended; a new column rewrites the file under another name and renames it."""

    def _check_log_dir_exists(self) -> None:
        """Take over the columns on disk (Lightning deletes the file here) and drop a row that a crash cut short."""
        self.metrics_keys = ["step", "epoch"]
        path = Path(self.metrics_file_path)
        if not path.is_file():
            return
        whole, newline, _ = path.read_bytes().rpartition(b"\n")
        _replace(path, whole + newline)
        with path.open(newline="") as file:
            self.metrics_keys = next(csv.reader(file), self.metrics_keys)

    def save(self) -> None:
        """Put the rows gathered since the last time on disk."""
        if not self.metrics:
            return
        path = Path(self.metrics_file_path)
        new = sorted({key for row in self.metrics for key in row} - set(self.metrics_keys))
        if new or not path.is_file() or path.stat().st_size == 0:
            self._widen(path, new)
        with path.open("a", newline="") as file:
            csv.DictWriter(file, self.metrics_keys).writerows(self.metrics)
        self.metrics = []

    def _widen(self, path: Path, new: list[str]) -> None:
        rows: list[dict[str, str]] = []
        if path.is_file():
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
        self.metrics_keys = [*self.metrics_keys, *new]
        wide = path.with_name(f".{path.name}.{os.getpid()}")
        with wide.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.metrics_keys)
            writer.writeheader()
            writer.writerows(rows)
        _replace(path, wide.read_bytes())
        wide.unlink()


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
        self._mode = _mode(mode)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:  # noqa: ANN401  (a Run, or nothing on the other ranks)
        """The run; started when it is first needed, and again with the same id after it was finished."""
        if self._experiment is None:
            self._experiment = self._start()
        return self._experiment

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:  # noqa: ANN401  (Lightning's signature)
        """Show these values beside the curves, without secrets."""
        super().log_hyperparams(redact(vars(params) if isinstance(params, Namespace) else params))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the run, so that the next job of this process does not write into it."""
        if self._experiment is not None:
            self._id = self._experiment.id
            self._experiment.finish(exit_code=0 if status == "success" else 1)
            self._experiment = None

    def _start(self) -> Any:  # noqa: ANN401
        if wandb.run is not None:  # left open by a job of this process that died
            wandb.run.finish()
        try:
            run = self._init(self._mode)
        except wandb.errors.Error as error:
            if self._mode == "offline":
                raise
            reason = _hide(str(error)).splitlines()[0]
            log.warning("W&B did not start (%s): going on offline. Upload later: wandb sync %s", reason, self._folder)
            self._mode = "offline"
            wandb.teardown()  # the start that failed still holds the id
            run = self._init(self._mode)
        run.define_metric("trainer/global_step")
        run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
        return run

    def _init(self, mode: str) -> Any:  # noqa: ANN401
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = self._folder / "wandb_id"
        if not kept.is_file():
            _replace(kept, uuid.uuid4().hex[:8].encode())
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


class TensorBoard(TensorBoardLogger):
    """TensorBoard's event files in the run folder's `tensorboard`.

    Raises:
        ConfigError: tensorboard is not installed.
    """

    def __init__(self, folder: str) -> None:
        if find_spec("tensorboard") is None:
            raise ConfigError(
                "logger=tensorboard: not installed. Run `uv sync --extra tensorboard`, or use logger=csv."
            )
        super().__init__(save_dir=folder, name="", version="tensorboard", default_hp_metric=False)

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  (Lightning's signature)
        """Show these values, without secrets."""
        super().log_hyperparams(redact(vars(params) if isinstance(params, Namespace) else params), *args, **kwargs)


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


def redact(value: Any) -> Any:  # noqa: ANN401  (any tree of containers)
    """The same tree, plain, with "(hidden)" for what a secret's name points to and for what equals a secret.

    A name is a secret's if it contains key, token, secret, password, credential or auth: better one harmless number
    hidden than one password shown. The values of such environment variables are hidden wherever they occur.
    """
    if isinstance(value, Mapping):
        return {key: "(hidden)" if SECRET_NAME.search(str(key)) else redact(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [redact(part) for part in value]
    return _hide(value) if isinstance(value, str) else value


def _hide(text: str) -> str:
    for name, secret in os.environ.items():
        if not SECRET_NAME.search(name) or not secret:
            continue
        if text == secret:
            return "(hidden)"
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "(hidden)")
    return text


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
        log.warning("W&B: the key cannot be used (%s)", _hide(str(error)))
        found = False
    if mode == "online" and not found:
        raise ConfigError(
            "logger.mode=online: no usable W&B key. Run `wandb login`, set WANDB_API_KEY, or use mode=auto."
        )
    return "online" if found else "offline"


def _replace(path: Path, content: bytes) -> None:
    """Put the content there whole: another name first, forced to the disk, then renamed."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
