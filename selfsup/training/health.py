"""Is the training still learning? A non-finite loss stops it with the galaxies at fault; a collapse is announced.

Effective rank: Garrido et al. 2023 (RankMe, arXiv 2210.02885, eq. 1), the exponential of the entropy of the embedding's
normalised singular values. Feature deviation: Chen & He 2021 (SimSiam, arXiv 2011.10566, fig. 2), 1 when the
L2-normalised embeddings are spread evenly, 0 when all are the same.
"""

import logging
import math
from collections.abc import Sequence
from typing import Literal

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn import functional as F

log = logging.getLogger(__name__)

COLLAPSED_RANK = 1.5
"""An embedding that varies along one direction only has rank 1."""
TEACHER_ENTROPY = "train/teacher_entropy"
"""Logged by objectives with a teacher, as a share of its maximum, ln K."""
UNIFORM_TEACHER = 0.99
"""A teacher that learns stays well below: between 0.3 and 0.7 in trainings that went well."""
COLLAPSED_DEVIATION = 1e-3
"""Healthy encoders, untrained ones included, are orders of magnitude above."""
FEWEST = 8
"""Embeddings; the rank of fewer is small whatever the encoder."""


class NonFiniteLossError(RuntimeError):
    """The loss became NaN or infinite."""


class CollapseError(RuntimeError):
    """All galaxies have the same embedding."""


def effective_rank(embedding: Tensor) -> Tensor:
    """(N, D) -> (), between 1 and min(N, D)."""
    singular = torch.linalg.svdvals(embedding.float() - embedding.float().mean(0))
    share = singular / singular.sum().clamp_min(1e-12)
    return torch.exp(-(share * share.clamp_min(1e-12).log()).sum())


def feature_deviation(embedding: Tensor) -> Tensor:
    """(N, D) -> (), standard deviation of the L2-normalised embedding times sqrt(D)."""
    deviation: Tensor = F.normalize(embedding.float(), dim=1).std(0).mean()
    return deviation * math.sqrt(embedding.shape[1])


def check_finite(loss: Tensor, step: int, ids: Sequence[str]) -> None:
    """Stop on a loss that is not a number, naming the batch.

    Raises:
        NonFiniteLossError: with the step and the galaxy ids.
    """
    if not torch.isfinite(loss):
        named = ", ".join(ids[:32]) + (f" and {len(ids) - 32} more" if len(ids) > 32 else "")
        raise NonFiniteLossError(f"the loss is {loss.item()} at step {step}; galaxies of this batch: {named}")


class CollapseWatch(L.Callback):
    """Logs rank and deviation of the encoder's output; speaks up when they are gone, or the teacher is uniform."""

    def __init__(self, every_steps: int, on_collapse: Literal["warn", "stop"]) -> None:
        self.every_steps = every_steps
        self.on_collapse = on_collapse
        self._embedding: Tensor | None = None
        self._announced: set[str] = set()

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Listen to the encoder."""
        del trainer

        def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            self._embedding = output.detach()

        self._hook = pl_module.get_submodule("objective.encoder").register_forward_hook(keep)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop listening."""
        del trainer, pl_module
        self._hook.remove()
        self._embedding = None

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object) -> None:
        """Measure every few steps."""
        if self._embedding is None or trainer.global_step % self.every_steps:
            return
        rank, deviation = effective_rank(self._embedding), feature_deviation(self._embedding)
        pl_module.log_dict({"health/effective_rank": rank, "health/feature_deviation": deviation})
        flat = len(self._embedding) >= FEWEST and bool(rank < COLLAPSED_RANK)
        if trainer.global_step and (flat or deviation < COLLAPSED_DEVIATION):
            self._speak(
                f"the representation has collapsed at step {trainer.global_step}: effective rank {rank:.2f}, feature "
                f"deviation {deviation:.1e}; lower the learning rate (optimizer.lr), lengthen the warm-up "
                "(trainer.warmup_share) or strengthen the augmentation"
            )
        entropy = trainer.callback_metrics.get(TEACHER_ENTROPY)
        if entropy is not None and entropy > UNIFORM_TEACHER:
            self._speak(
                f"the teacher says the same of every galaxy at step {trainer.global_step}: its entropy is "
                f"{float(entropy):.3f} of ln K, and the loss rests at ln K; write objective.batch_norm=true, or lower "
                "objective.teacher_temperature or optimizer.lr"
            )

    def _speak(self, symptom: str) -> None:
        """Stop, or warn once per kind of symptom."""
        if self.on_collapse == "stop":
            raise CollapseError(symptom)
        kind = symptom.partition(" at step ")[0]
        if kind not in self._announced:
            self._announced.add(kind)
            log.warning(symptom)
