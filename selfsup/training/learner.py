"""The only LightningModule: batch -> views -> objective, and the schedules around it."""

import warnings
from collections.abc import Callable
from typing import Any, Self

import lightning as L
import torch
from torch import Tensor
from torch.optim import Optimizer

from selfsup.objectives.base import Objective
from selfsup.training.finite import check_finite, mean_over_galaxies
from selfsup.training.optim import freeze, fuse, layer_scales, parameter_groups, warmup_cosine
from selfsup.training.settings import TrainerSettings
from selfsup.training.spent import Spent
from selfsup.types import Batch, ConfigError, Loss
from selfsup.views.multiview import MultiView


class Learner(L.LightningModule):
    """Trains an objective; knows no method.

    Args:
        objective: what is minimised; owns the encoder.
        views: makes the views that the objective consumes, on the device.
        make_optimizer: parameter groups -> optimizer.
        settings: numbers of the loop.
        config: the whole configuration as plain values; travels in every checkpoint.
    """

    def __init__(
        self,
        objective: Objective,
        views: MultiView,
        make_optimizer: Callable[[list[dict[str, Any]]], Optimizer],
        settings: TrainerSettings,
        config: dict[str, Any],
    ) -> None:
        super().__init__()
        check_views(objective, views)
        self.objective = objective
        self.views = views
        self.make_optimizer = make_optimizer
        self.settings = settings
        self.config = config
        self.spent = Spent()
        encoder, frozen = objective.encoder, settings.frozen_blocks
        self._frozen = freeze(encoder, encoder.by_depth(), frozen) if frozen else []

    def train(self, mode: bool = True) -> Self:
        """Training mode, in which blocks that are frozen still evaluate."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def on_fit_start(self) -> None:
        """Count the time; Lightning warns of modules that evaluate in a training, but these are meant to."""
        self.spent.start()
        if self._frozen:
            warnings.filterwarnings("ignore", r".*module\(s\) in eval mode at the start of training.*")

    @property
    def progress(self) -> float:
        """Share of the training that is done, in [0, 1]."""
        return min(1.0, self.global_step / max(1, int(self.trainer.estimated_stepping_batches)))

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed by place in the training, so that a resumed run draws what the uninterrupted one would have."""
        del batch
        torch.manual_seed(step_seed(self.config["seed"], self.current_epoch, batch_idx, self.global_rank))
        scale = self.objective.weight_decay_scale(self.progress)
        for group in self.optimizers(use_pl_optimizer=False).param_groups:  # type: ignore[union-attr]
            group["weight_decay"] = group["peak_weight_decay"] * scale

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One batch's loss."""
        del batch_idx
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            views = self.views(batch["image"])
        loss: Loss = self.objective(views, batch, self.progress)
        check_finite(loss.total.detach(), self.global_step, batch["id"])
        size = len(batch["id"])
        mean = mean_over_galaxies(loss, size)
        self.log("train/loss", mean.total, prog_bar=True, batch_size=size)
        self.log_dict({f"train/{name}": value for name, value in mean.log.items()}, batch_size=size)
        return loss.total

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """Step, then let the teacher follow: before any callback can write a checkpoint."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        self.objective.after_step(self.progress)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Log the learning rate that this step uses, where layers have their own that of the head."""
        self.log("train/lr", max(group["lr"] for group in optimizer.param_groups))

    def configure_optimizers(self) -> Any:
        """The optimizer with its schedule, stepped every optimizer step."""
        decay = self.settings.layer_decay
        scales = None if decay is None else layer_scales(self.objective.encoder.by_depth(), decay)
        optimizer = fuse(self.make_optimizer(parameter_groups(self.objective, scales)))
        for group in optimizer.param_groups:
            group["lr"] *= group.get("lr_scale", 1.0)
            group["peak_weight_decay"] = group["weight_decay"]
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = warmup_cosine(optimizer, steps, self.settings.warmup_share, self.settings.final_lr_share)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put beside the weights the configuration, how many ranks dealt the galaxies out, and the time so far."""
        checkpoint["config"] = self.config
        checkpoint["ranks"] = self.trainer.world_size
        checkpoint["spent"] = self.spent.so_far()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Count on; raise ConfigError where another number of ranks would go on: it would see other galaxies."""
        there, here = checkpoint.get("ranks", self.trainer.world_size), self.trainer.world_size
        if there != here:
            raise ConfigError(
                f"trainer.devices: {there} processes trained this run, and {here} would go on; start {there}, with "
                f"trainer.devices={there}, torchrun or srun"
            )
        self.spent.take_up(checkpoint.get("spent", {}))  # older checkpoints do not say


def check_views(objective: Objective, views: MultiView) -> None:
    """Whether the augmentation makes what the objective consumes.

    Raises:
        ConfigError: a kind of view is missing, not consumed, or of the wrong number.
    """
    name = type(objective).__name__
    for kind, count in views.counts.items():
        if kind not in objective.views:
            raise ConfigError(f"augmentation: makes {kind} views, which {name} does not use; it uses {objective.views}")
        fewest, most = objective.views[kind]
        if not fewest <= count <= most:
            raise ConfigError(f"augmentation: makes {count} {kind} views; {name} needs {fewest} to {most}")
    for kind, (fewest, _) in objective.views.items():
        if fewest > 0 and kind not in views.counts:
            raise ConfigError(f"augmentation: makes no {kind} views; {name} needs {fewest} at least")


def step_seed(seed: int, epoch: int, batch: int, rank: int) -> int:
    """A number for torch's generators, different for every (seed, epoch, batch, rank): splitmix64 of each in turn."""
    state = 0
    for value in (seed, epoch, batch, rank):
        state = (state + value + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 31
    return state >> 1
