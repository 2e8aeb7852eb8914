"""Where the curves go: a table that survives a resume, or TensorBoard (Weights & Biases: `wandb_run`)."""

import csv
import io
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only

from selfsup.durable import replacing
from selfsup.training.secrets import redact
from selfsup.types import ConfigError


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
        with replacing(path) as table:
            table.write(whole + newline)
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
        wide = io.StringIO(newline="")
        writer = csv.DictWriter(wide, self.metrics_keys)
        writer.writeheader()
        writer.writerows(rows)
        with replacing(path) as table:
            table.write(wide.getvalue().encode())


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
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Show these values, without secrets."""
        super().log_hyperparams(redact(vars(params) if isinstance(params, Namespace) else params), *args, **kwargs)
