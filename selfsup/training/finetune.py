"""Fine-tuning on a handful of pictures: a few hundred steps that leave nothing on the disk.

The loop of `learner` keeps checkpoints, logs and probes for trainings of hours; a label-efficiency curve is a hundred
trainings of seconds, which need none of them. The schedule, the parameter groups, the learning rates by depth
and the precision are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from selfsup.objectives.base import Objective
from selfsup.training.finite import check_finite
from selfsup.training.learner import check_views, step_seed
from selfsup.training.optim import best_precision, layer_scales, parameter_groups, warmup_cosine
from selfsup.types import Batch, ConfigError
from selfsup.views.multiview import MultiView


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """Numbers of a short training with AdamW.

    Args:
        steps: of the optimizer.
        batch_size: pictures of a step, drawn anew in each; fewer where there are fewer.
        lr: peak learning rate of the head.
        layer_decay: what each block of the encoder learns at, as a share of the next one's; None for all alike.
        weight_decay: of matrices and kernels.
        warmup_share: of the steps.
        clip_norm: of the whole gradient.
    """

    steps: int
    batch_size: int
    lr: float
    layer_decay: float | None
    weight_decay: float
    warmup_share: float
    clip_norm: float

    def __post_init__(self) -> None:
        """Refuse what cannot run.

        Raises:
            ConfigError: no step, or a batch of which batch norm could make nothing.
        """
        if self.steps < 1 or self.batch_size < 2 or self.lr <= 0:
            raise ConfigError(
                f"task.finetune: steps={self.steps}, batch_size={self.batch_size}, lr={self.lr}; write at least 1, at "
                "least 2, and above 0"
            )


def fine_tune(
    objective: Objective, views: MultiView, image: Tensor, label: Tensor, settings: FineTuning, seed: int
) -> None:
    """Train the objective, its encoder with it, in place, and leave it in evaluation mode.

    Args:
        objective: of labels.
        views: what it sees of a picture.
        image: (N, C, H, W) uint8 or float in [0, 1].
        label: (N,).
        settings: numbers.
        seed: of the order, the views and dropout.

    Raises:
        ConfigError: views that the objective does not use.
        DataError: labels that it cannot learn, or a loss that is not finite.
    """
    check_views(objective, views)
    objective.observe_labels(label)
    optimizer = _optimizer(objective, settings)
    schedule = warmup_cosine(optimizer, settings.steps, settings.warmup_share, 0.0)
    parameters = [p for p in objective.parameters() if p.requires_grad]
    objective.train().to(memory_format=torch.channels_last)
    device = next(objective.parameters()).device
    mixed = best_precision(device.type) == "bf16-mixed"
    for step in range(settings.steps):
        torch.manual_seed(step_seed(seed, 0, step, 0))
        rows = torch.randperm(len(label))[: settings.batch_size]
        names = [f"picture {row}" for row in rows.tolist()]
        batch = Batch(id=names, image=image[rows].to(device), label=label[rows].to(device))
        seen = views(batch["image"])
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            loss = objective(seen, batch, step / settings.steps).total
        check_finite(loss.detach(), step, names)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
        optimizer.step()
        schedule.step()
        objective.after_step((step + 1) / settings.steps)
    objective.eval()


def _optimizer(objective: Objective, settings: FineTuning) -> torch.optim.Optimizer:
    decay = settings.layer_decay
    scales = None if decay is None else layer_scales(objective.encoder.by_depth(), decay)
    optimizer = torch.optim.AdamW(
        parameter_groups(objective, scales), lr=settings.lr, weight_decay=settings.weight_decay
    )
    for group in optimizer.param_groups:
        group["lr"] *= group.get("lr_scale", 1.0)
    return optimizer
