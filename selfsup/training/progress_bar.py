"""How far, how fast, how long still: one bar over the whole training, or plain lines where no terminal is."""

import math
import time
from collections import deque
from datetime import timedelta
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from selfsup.types import Batch

WINDOW = 50
"""Batches over which speed and loss are averaged."""
REDRAW_S = 0.25


class GalaxyProgressBar(ProgressBar):
    """Epoch, step, loss, images per second of all ranks, and the time the whole training still takes.

    Of several ranks the first writes, and the loss is that of its own galaxies; the loggers are told that of all.

    Args:
        line_every_s: where the output is no terminal (a file, a batch system), at most this long passes between two
            lines; the end of each epoch is a line too.
        console: where to write; None: standard output.
    """

    def __init__(self, line_every_s: float = 30.0, console: Console | None = None) -> None:
        super().__init__()
        self._line_every_s = line_every_s
        self._console = console or Console()
        self._enabled = True
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._recent: deque[tuple[int, float]] = deque(maxlen=WINDOW)  # (images, seconds) of a batch
        self._losses: deque[torch.Tensor] = deque(maxlen=WINDOW)

    def disable(self) -> None:
        """Write nothing from now on (Lightning calls this on every rank but the first)."""
        self._enabled = False

    def enable(self) -> None:
        """Write again."""
        self._enabled = True

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Write a line without tearing the bar."""
        if self._enabled:
            self._console.print(*args, **kwargs)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock, and the bar where there is a terminal."""
        self._start_s = self._drawn_s = self._mark_s = time.monotonic()
        self._first_step = trainer.global_step
        self._total = trainer.estimated_stepping_batches
        if self._enabled and self._console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[text]}"),
            )
            self._bar = Progress(*columns, console=self._console, auto_refresh=False, expand=True)
            total = self._total if math.isfinite(self._total) else None
            self._task = self._bar.add_task("", total=total, completed=self._first_step, text="")
            self._bar.start()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """What happened between the epochs does not count as training speed."""
        self._mark_s = time.monotonic()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Nor does validation."""
        self._mark_s = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Count; write if it is time. The loss stays on its device until then, so that nothing waits for it."""
        now_s = time.monotonic()
        self._recent.append((len(batch["id"]) * trainer.world_size, now_s - self._mark_s))
        self._mark_s = now_s
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        if isinstance(loss, torch.Tensor):
            self._losses.append(loss.detach())
        if self._enabled and now_s - self._drawn_s >= (REDRAW_S if self._bar else self._line_every_s):
            self._write(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Every epoch is a line."""
        if self._enabled:
            self._write(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the finished bar on the screen."""
        self._stop()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Give the terminal back before the traceback is written."""
        self._stop()

    def _write(self, trainer: L.Trainer) -> None:
        self._drawn_s = time.monotonic()
        epochs = f"/{trainer.max_epochs}" if trainer.max_epochs and trainer.max_epochs > 0 else ""
        epoch = f"epoch {trainer.current_epoch + 1}{epochs}"
        text = ", ".join(self._facts(trainer.global_step))
        if self._bar:
            self._bar.update(self._task, description=epoch, completed=trainer.global_step, text=text, refresh=True)
        else:
            total = f"/{self._total:,.0f}" if math.isfinite(self._total) else ""
            line = f"{epoch}, step {trainer.global_step:,}{total}, {text}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _facts(self, step: int) -> list[str]:
        facts = []
        if self._losses:
            facts.append(f"loss {torch.stack(list(self._losses)).float().mean().item():.4g}")
        images, seconds = (sum(part) for part in zip(*self._recent, strict=True)) if self._recent else (0, 0.0)
        if seconds > 0:
            speed = images / seconds
            facts.append(f"{speed:,.0f} images/s" if speed >= 100 else f"{speed:.3g} images/s")
        left_s = self._left_s(step)
        if left_s is not None:
            facts.append(f"{timedelta(seconds=round(left_s))} left")
        return facts

    def _left_s(self, step: int) -> float | None:
        """Seconds until the last step at the pace since the start, probes and checkpoints included; None: not known."""
        done = step - self._first_step
        if done <= 0 or not math.isfinite(self._total):
            return None
        return max(0.0, self._total - step) * (time.monotonic() - self._start_s) / done

    def _stop(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None
