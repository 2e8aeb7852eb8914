"""Where the curves go: a table that survives a resume, or TensorBoard (Weights & Biases: `wandb_run`)."""

import csv
import io
import logging
import os
from argparse import Namespace
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only

from selfsup.durable import replacing
from selfsup.secrets import redact
from selfsup.types import ConfigError, DataError

log = logging.getLogger(__name__)


class MetricsCSV(CSVLogger):
    """metrics.csv in the run folder; a run that is taken up again adds rows, where Lightning's logger would start anew.

    Lightning saves after each logged row, so a crash loses nothing. The configuration is not written a second time:
    it lies in the folder already.
    """

    def __init__(self, folder: str) -> None:
        super().__init__(save_dir=folder, name="", version="")

    @property
    @rank_zero_experiment
    def experiment(self) -> "_AppendingTable":
        """The open table."""
        if self._experiment is None:
            self._experiment = _AppendingTable(self.log_dir)
        return self._experiment  # type: ignore[return-value]

    def take_up(self, step: int, epoch: int, row: Mapping[str, float], whole: bool) -> None:
        """Leave the rows up to a step, and this one, which was about to be logged.

        Args:
            step: the last one whose rows stay; those of later steps, and the final scores, go.
            epoch: of the row.
            row: empty where nothing was about to be logged.
            whole: whether the row of this step itself was logged before, and stays.
        """
        if (Path(self.log_dir) / ExperimentWriter.NAME_METRICS_FILE).is_file() or row:
            self.experiment.keep(step, whole, row)
        if row:
            self.log_metrics({**row, "epoch": epoch}, step)
            self.save()

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
        with replacing(path) as table:
            table.write(whole + newline)
        with path.open(newline="") as file:
            self.metrics_keys = next(csv.reader(file), self.metrics_keys)

    def save(self) -> None:
        """Put the rows gathered since the last time on disk.

        Raises:
            DataError: there is no room for them; none of them was added.
        """
        if not self.metrics:
            return
        path, rows, self.metrics = Path(self.metrics_file_path), self.metrics, []
        new = sorted({key for row in rows for key in row} - set(self.metrics_keys))
        size = path.stat().st_size if path.is_file() else 0
        try:
            if new or not size:
                self._widen(path, new)
                size = path.stat().st_size
            with path.open("a", newline="") as file:
                csv.DictWriter(file, self.metrics_keys).writerows(rows)
        except OSError as error:
            if path.is_file():
                os.truncate(path, size)
            raise DataError(
                f"{path}: the row of step {rows[0]['step']} could not be written ({error.strerror}). "
                "Make room and go on with task=resume"
            ) from error

    def keep(self, step: int, whole: bool, row: Collection[str]) -> None:
        """Only rows of an epoch, up to this step; of the step itself, where it is whole, those unlike this row."""
        path = Path(self.metrics_file_path)
        rows = _rows(path)
        of_epochs = [each for each in rows if each.get("epoch")]
        kept = [each for each in of_epochs if int(each["step"]) < step + whole]
        kept = [each for each in kept if int(each["step"]) < step or not any(each.get(name) for name in row)]
        if len(kept) < len(rows):
            self._write(path, kept)

    def _widen(self, path: Path, new: list[str]) -> None:
        self.metrics_keys = [*self.metrics_keys, *new]
        self._write(path, _rows(path))

    def _write(self, path: Path, rows: list[dict[str, str]]) -> None:
        wide = io.StringIO(newline="")
        writer = csv.DictWriter(wide, self.metrics_keys)
        writer.writeheader()
        writer.writerows(rows)
        with replacing(path) as table:
            table.write(wide.getvalue().encode())


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _at_no_cost(method: Callable[..., None]) -> Callable[..., None]:
    """What TensorBoard cannot write is said once, and never stops the training."""

    @wraps(method)
    def guarded(self: "TensorBoard", *arguments: Any, **named: Any) -> None:
        try:
            if not self.is_lost:
                method(self, *arguments, **named)
        except OSError as error:
            log.warning("TensorBoard is lost (%s): the run goes on without it, metrics.csv has everything", error)
            self.is_lost = True

    return guarded


class TensorBoard(TensorBoardLogger):
    """TensorBoard's event files in the run folder's `tensorboard`; where they cannot be written, the run goes on.

    Raises:
        ConfigError: tensorboard is not installed.
    """

    def __init__(self, folder: str) -> None:
        if find_spec("tensorboard") is None:
            raise ConfigError(
                "logger=tensorboard: not installed. Run `uv sync --extra tensorboard`, or use logger=csv."
            )
        super().__init__(save_dir=folder, name="", version="tensorboard", default_hp_metric=False)
        self.is_lost = False

    @rank_zero_only
    @_at_no_cost
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Show these values, without secrets."""
        super().log_hyperparams(redact(vars(params) if isinstance(params, Namespace) else params), *args, **kwargs)

    @rank_zero_only
    @_at_no_cost
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers."""
        super().log_metrics(metrics, step)

    @rank_zero_only
    @_at_no_cost
    def log_image(self, name: str, pixels: np.ndarray) -> None:
        """Show (H, W, 3) uint8."""
        self.experiment.add_image(name, pixels, dataformats="HWC")

    @rank_zero_only
    @_at_no_cost
    def save(self) -> None:
        """Bring to the disk what was logged."""
        super().save()

    @rank_zero_only
    @_at_no_cost
    def finalize(self, status: str) -> None:
        """Close the files."""
        super().finalize(status)
