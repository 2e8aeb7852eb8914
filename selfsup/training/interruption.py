"""Asked to stop, a training finishes its step, saves, and ends with an exit code that says: start me again.

While it trains, a signal only sets a flag, for between any two instructions nothing else is safe (POSIX.1-2024, 2.4.3).
Between two optimizer steps all ranks agree on it, save together, and leave before the next batch. Before and after
(images are packed, probes scored, the report is written) there is nothing to save: there it ends the work at once, and
what was half written is removed on the way out.
"""

import signal
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from selfsup.checkpoint import LAST
from selfsup.signals import HURRY_AFTER_S, listen
from selfsup.stopping import SIGNALS, how_to_go_on, hurry
from selfsup.types import Interrupted


class Interruption(Checkpoint):
    """Listens to signals, saves at the next boundary between two steps, and ends the training.

    To Lightning it is a Checkpoint, so that it is called after all that a step changes.

    Args:
        folder: the run folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._asked: signal.Signals | None = None
        self._asked_s = 0.0
        self._step = 0
        self._saved = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Listen.

        Lightning has begun to, moments ago. Its handler sends to other ranks from within, and the loop then stops
        without saving; so this one takes its place. What was there before both, Lightning puts back at the end.
        """
        listen(SIGNALS, self._hear)
        if trainer.received_sigterm:
            self._asked = signal.SIGTERM
        if self._agreed(trainer):
            self._leave(trainer)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave, if it is saved."""
        if self._saved:
            self._leave(trainer)

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object) -> None:
        """Leave, if it is saved: only here has Lightning logged the step that was."""
        if self._saved:
            self._leave(trainer)
        self._step = trainer.global_step

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object) -> None:
        """Save, if asked to and no gradient is half accumulated."""
        if trainer.global_step > self._step:
            self._save_if_asked(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save, if asked to while probes were scored."""
        self._save_if_asked(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave before the final evaluation; the last epoch's end has been saved."""
        if self._saved or self._agreed(trainer):
            self._leave(trainer)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._asked is None:
            self._asked, self._asked_s = signal.Signals(number), time.monotonic()
        elif time.monotonic() - self._asked_s >= HURRY_AFTER_S:
            hurry(number)

    def _agreed(self, trainer: L.Trainer) -> bool:
        """Whether any rank was asked: all give the same answer."""
        return trainer.strategy.reduce_boolean_decision(self._asked is not None, all=False)

    def _save_if_asked(self, trainer: L.Trainer) -> None:
        if not self._saved and self._agreed(trainer):
            trainer.save_checkpoint(self._folder / LAST)
            self._saved = True

    def _leave(self, trainer: L.Trainer) -> NoReturn:
        if not trainer.is_global_zero:
            # A launcher takes any other code for a crash, and would kill the first rank while it closes its loggers.
            raise Interrupted("", 0)
        by = self._asked.name if self._asked else "a signal to another process"
        when = f"after step {trainer.global_step}, which is saved" if trainer.global_step else "before the first step"
        raise Interrupted(f"stopped by {by} {when}. {how_to_go_on(self._folder)}")
