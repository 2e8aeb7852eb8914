"""Each row of metrics.csv once, wherever a training was killed: what is logged after a checkpoint is not forgotten.

Lightning logs a step after the checkpoint of that step is saved, and an epoch's scores after that of the epoch's end.
A checkpoint therefore takes along the row that is about to be logged; who goes on from it drops all rows that come
after it, for they will be logged again, and adds this one.
"""

from typing import Any

import lightning as L

from selfsup.training.loggers import MetricsCSV

KEY = "curves"
"""Of a checkpoint."""


class Curves(L.Callback):
    """Puts the table of a run that is taken up where its checkpoint is; of one that begins anew, it is emptied.

    Args:
        every_steps: steps between two rows.
    """

    def __init__(self, every_steps: int) -> None:
        self.every_steps, self._is_taken_up = every_steps, False

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the row that will be logged next: of the step, or at the end of an epoch its scores."""
        del pl_module
        step = trainer.fit_loop.epoch_loop._batches_that_stepped
        steps_of_epoch = trainer.fit_loop.epoch_loop.batch_progress.current
        ends_epoch = steps_of_epoch.completed == steps_of_epoch.ready  # else the step itself has not been logged
        is_due = ends_epoch or (step + 1) % self.every_steps == 0
        logged = trainer._logger_connector.metrics["log"] if is_due and trainer._results else {}
        row = {name: float(value) for name, value in logged.items()}
        checkpoint[KEY] = {"step": step - ends_epoch, "epoch": trainer.current_epoch, "row": row, "whole": ends_epoch}

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Drop the rows of later steps."""
        del pl_module
        self._is_taken_up = True
        # Checkpoints from before there was this callback do not say what came next.
        before: dict[str, Any] = {"step": checkpoint["global_step"] - 1, "epoch": 0, "row": {}, "whole": True}
        told: dict[str, Any] = checkpoint.get(KEY) or before
        for table in _tables(trainer):
            table.take_up(**told)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Drop what a training has left that was killed before its first checkpoint."""
        del pl_module
        if not self._is_taken_up:
            for table in _tables(trainer):
                table.take_up(step=-1, epoch=0, row={}, whole=True)


def _tables(trainer: L.Trainer) -> list[MetricsCSV]:
    """Of the first process, which alone writes."""
    return [logger for logger in trainer.loggers if isinstance(logger, MetricsCSV) and trainer.is_global_zero]
