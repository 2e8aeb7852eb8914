"""Is the training still learning? A collapse is named with its likely remedy, and announced, or ends the training.

Effective rank: Garrido et al. 2023 (RankMe, arXiv 2210.02885, eq. 1), the exponential of the entropy of the embedding's
normalised singular values. Feature deviation: Chen & He 2021 (SimSiam, arXiv 2011.10566, fig. 2), 1 when the
L2-normalised embeddings are spread evenly, 0 when all are the same. What lies behind the encoder (projector, teacher,
loss) is read off what the objective logs, by name: see `SIGNS`.
"""

import logging
import math
from collections.abc import Mapping
from typing import Any, Literal, cast

import lightning as L
import torch
from torch import Tensor
from torch.nn import functional as F

from selfsup.objectives.base import Objective
from selfsup.training.ranks import said_by_all
from selfsup.types import Batch

log = logging.getLogger(__name__)

COLLAPSED_RANK = 1.5
"""An embedding that varies along one direction only has rank 1."""
COLLAPSED_DEVIATION = 1e-3
"""Healthy encoders, untrained ones included, are orders of magnitude above."""
FEWEST = 8
"""Galaxies; the rank of fewer is small whatever the encoder, and their projections may agree by chance."""
MOST = 64
"""Galaxies that are embedded for a measurement: under a percent of a training with 256 a batch, every 10 steps."""
CHANCE = "loss_minus_chance"
CHANCE_STEPS = 50
"""Steps before which a loss may be that of knowing nothing."""
SIGNS = {
    "teacher_entropy": (0.99, "the teacher says the same of every galaxy, that it is like all prototypes"),
    "kl_to_uniform": (0.99, "the teacher says the same of every galaxy, that it is like one prototype"),
    "uniformity": (-1e-3, "the projector is dead: it says the same of all galaxies, whose embeddings differ"),
    CHANCE: (-0.05, "the loss rests at chance, that of knowing nothing"),
}
"""Scalar that objectives log -> the number above which it is a symptom, and of what.

In trainings that went well the first stays between 0.3 and 0.7, the second below 0.3, the third below -2, and the last
is below -0.2 after the first epoch.
"""
REMEDIES = {"optimizer.lr": "lower", "trainer.warmup_share": "higher", "augmentation": "stronger"}
"""For every objective, after its own."""


class CollapseError(RuntimeError):
    """All galaxies have the same embedding, projection or teacher, or the loss is that of knowing nothing."""


def effective_rank(embedding: Tensor) -> Tensor:
    """(N, D) -> (), between 1 and min(N, D)."""
    singular = torch.linalg.svdvals(embedding.float() - embedding.float().mean(0))
    share = singular / singular.sum().clamp_min(1e-12)
    return torch.exp(-(share * share.clamp_min(1e-12).log()).sum())


def feature_deviation(embedding: Tensor) -> Tensor:
    """(N, D) -> (), standard deviation of the L2-normalised embedding times sqrt(D)."""
    deviation: Tensor = F.normalize(embedding.float(), dim=1).std(0).mean()
    return deviation * math.sqrt(embedding.shape[1])


class CollapseWatch(L.Callback):
    """Logs rank and deviation of the embedding of a few galaxies; speaks up when they are gone, or on a sign.

    It embeds by itself: which of its methods an objective calls on the encoder differs from one to the next.

    Args:
        every_steps: steps between two measurements; the last step of each epoch is measured besides.
        on_collapse: warn, once of each symptom, or stop.
    """

    def __init__(self, every_steps: int, on_collapse: Literal["warn", "stop"]) -> None:
        self.every_steps = every_steps
        self.on_collapse = on_collapse
        self._announced: set[str] = set()

    def state_dict(self) -> dict[str, Any]:
        """What has been announced, which a resumed training does not repeat."""
        return {"announced": sorted(self._announced)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where the interrupted training was."""
        self._announced = set(state_dict["announced"])

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        """Measure, log, and speak up.

        Raises:
            CollapseError: in all processes, where one sees a symptom and was told to stop.
        """
        del outputs, batch_idx
        if trainer.global_step % self.every_steps and not trainer.is_last_batch:
            return
        objective = cast(Objective, pl_module.get_submodule("objective"))
        with trainer.precision_plugin.forward_context():
            embedding = _embed(objective, batch["image"][:MOST])
        # Of an embedding that is no number, `finite` speaks at the next loss.
        symptoms = self._measure(trainer, pl_module, embedding) if torch.isfinite(embedding).all() else {}
        self._speak(trainer, symptoms if trainer.global_step else {}, remedies(objective))

    def _measure(self, trainer: L.Trainer, pl_module: L.LightningModule, embedding: Tensor) -> dict[str, str]:
        """Log rank and deviation of the embedding (N, D); name -> each symptom."""
        rank, deviation = float(effective_rank(embedding)), float(feature_deviation(embedding))
        pl_module.log_dict({"health/effective_rank": rank, "health/feature_deviation": deviation})
        enough = len(embedding) >= FEWEST
        if deviation < COLLAPSED_DEVIATION or (enough and rank < COLLAPSED_RANK):
            numbers = f"effective rank {rank:.2f}, feature deviation {deviation:.1e}"
            return {"embedding": f"the representation has collapsed ({numbers})"}
        late = trainer.is_last_batch and trainer.global_step >= CHANCE_STEPS
        return _signs(trainer.callback_metrics, late) if enough else {}

    def _speak(self, trainer: L.Trainer, symptoms: Mapping[str, str], advice: str) -> None:
        """Stop, or warn once of each symptom."""
        said = [f"{text} at step {trainer.global_step}; try {advice}" for text in symptoms.values()]
        # One process that stopped alone would leave the others waiting for it.
        if self.on_collapse == "stop" and (fatal := said_by_all("\n".join(said))):
            raise CollapseError(fatal)
        for name, text in zip(symptoms, said, strict=True):
            if name not in self._announced:
                log.warning(text)
        self._announced |= symptoms.keys()


def remedies(objective: Objective) -> str:
    """The keys of the configuration to change, likeliest first, and how."""
    own = {f"objective.{key}": how for key, how in objective.remedies.items()}
    return ", ".join(f"{key} ({how})" for key, how in (own | REMEDIES).items())


def _signs(metrics: Mapping[str, Tensor], late: bool) -> dict[str, str]:
    """Name of the metric -> what it is a symptom of; `train/<part>/<scalar>` where a part of a hybrid logs it."""
    found = {}
    for name, value in metrics.items():
        scalar = name.rpartition("/")[2]
        if name.startswith("train/") and scalar in SIGNS and (late or scalar != CHANCE):
            limit, symptom = SIGNS[scalar]
            if value > limit:
                found[name] = f"{symptom} ({name} is {float(value):.3f})"
    return found


@torch.no_grad()
def _embed(objective: Objective, image: Tensor) -> Tensor:
    """(N, C, H, W) uint8, or float in [0, 1] -> (N, D), leaving no trace: nothing is drawn, no statistic moves."""
    encoder = objective.encoder
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    pixels = image.float() / 255 if image.dtype == torch.uint8 else image.float()
    embedding: Tensor = encoder(pixels)
    for module, mode in modes:
        module.training = mode
    return embedding
