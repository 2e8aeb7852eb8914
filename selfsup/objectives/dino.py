"""DINO: a student that sees any crop predicts what its own slow average, the teacher, says of another, larger crop.

Caron et al. 2021, arXiv:2104.14294: algorithm 1, equation 3 (loss over pairs of crops), equation 4 (centre), section
"Implementation details". Written after the paper's text; the loss and the centre are lightly's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from lightly.loss.dino_loss import DINOLoss
from torch import Tensor
from torch.nn import functional as F

from selfsup.objectives.base import Objective
from selfsup.objectives.limits import COLDEST, refuse_outside
from selfsup.objectives.multicrop import encode_views
from selfsup.objectives.prototypes import PrototypeHead
from selfsup.objectives.teacher import cosine, follow, normalise_by_batch, slow_copy
from selfsup.types import Batch, Loss

if TYPE_CHECKING:
    from selfsup.encoders.base import Encoder
    from selfsup.types import Views


class DINO(Objective):
    """Self-distillation without labels; what is probed and published is the teacher.

    The teacher's parameters are an average of the student's. Its BatchNorm works as in training, on the teacher's own
    batches as in the paper's code, so its running statistics are those of global crops seen by the averaged weights and
    fit for evaluation; dropout and stochastic depth are off in the teacher.

    Args:
        encoder: the student; the teacher starts as its copy.
        hidden_dim: width of the head's two hidden layers.
        bottleneck_dim: width in front of the last layer.
        output_dim: K, the number of prototypes.
        batch_norm: BatchNorm in the head; off as published for transformers.
        norm_last_layer: prototypes have length 1; otherwise their lengths are learned.
        freeze_last_layer_share: share of the training, at its start, in which the prototypes stay.
        student_temperature: divides the student's logits, above 0.
        teacher_temperature_start: divides the teacher's centred logits at the start, above 0.
        teacher_temperature: the same after a linear warm-up; above 0.07 is unstable.
        warmup_share: share of the training that the warm-up takes.
        center_momentum: how much of the centre stays at each step, in [0, 1].
        momentum_start: how much of the teacher stays at each step, in [0, 1]; rises to 1 along a cosine.
        weight_decay_growth: the last weight decay over the first; rises along a cosine.
    """

    views: ClassVar[dict[str, tuple[int, int]]] = {"global": (2, 2), "local": (0, 12)}
    remedies: ClassVar[dict[str, str]] = {
        "batch_norm": "true",
        "teacher_temperature": "lower; higher where the teacher knows one prototype",
        "center_momentum": "lower",
    }

    def __init__(  # noqa: PLR0913  (the published recipe has that many numbers, and each is one key of the YAML)
        self,
        encoder: Encoder,
        *,
        hidden_dim: int,
        bottleneck_dim: int,
        output_dim: int,
        batch_norm: bool = False,
        norm_last_layer: bool = True,
        freeze_last_layer_share: float,
        student_temperature: float,
        teacher_temperature_start: float,
        teacher_temperature: float,
        warmup_share: float,
        center_momentum: float,
        momentum_start: float,
        weight_decay_growth: float,
    ) -> None:
        super().__init__(encoder)
        refuse_outside(1, math.inf, hidden_dim=hidden_dim, bottleneck_dim=bottleneck_dim)
        refuse_outside(2, math.inf, output_dim=output_dim)
        refuse_outside(0, 1, freeze_last_layer_share=freeze_last_layer_share, warmup_share=warmup_share)
        refuse_outside(0, 1, center_momentum=center_momentum, momentum_start=momentum_start)
        refuse_outside(COLDEST, math.inf, student_temperature=student_temperature)
        refuse_outside(COLDEST, math.inf, teacher_temperature_start=teacher_temperature_start)
        refuse_outside(COLDEST, math.inf, teacher_temperature=teacher_temperature)
        refuse_outside(0, math.inf, weight_decay_growth=weight_decay_growth)
        self.head = PrototypeHead(encoder.dim, hidden_dim, bottleneck_dim, output_dim, batch_norm, norm_last_layer)
        self.teacher_encoder = slow_copy(encoder)
        self.teacher_head = slow_copy(self.head)
        self.criterion = DINOLoss(output_dim, student_temp=student_temperature, center_momentum=center_momentum)
        self.freeze_last_layer_share = freeze_last_layer_share
        self.teacher_temperature_start, self.teacher_temperature = teacher_temperature_start, teacher_temperature
        self.warmup_share = warmup_share
        self.center_momentum, self.momentum_start = center_momentum, momentum_start
        self.weight_decay_growth = weight_decay_growth

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """Mean cross-entropy over all pairs of a teacher's global and a student's other view; moves the centre.

        Logs the signs of collapse (see `_health`) and the loss above that of a student that knows nothing, ln K.
        In evaluation mode the centre stays.
        """
        del batch
        normalise_by_batch((self.teacher_encoder, self.teacher_head), self.training)
        with torch.no_grad():
            teacher = self.teacher_head(encode_views(self.teacher_encoder, views["global"]))
        images = views["global"] + views.get("local", [])
        student = self.head(encode_views(self.encoder, images), frozen=progress < self.freeze_last_layer_share)
        temperature = self._teacher_temperature(progress)
        # lightly moves the centre in every call; with a momentum of 1 it stays.
        self.criterion.center_momentum = self.center_momentum if self.training else 1.0
        with torch.autocast(student.device.type, enabled=False):
            centre = self.criterion.center.squeeze(0)
            log = _health(F.softmax((teacher - centre) / temperature, dim=-1))
            total = self.criterion(
                teacher.chunk(len(views["global"])), student.chunk(len(images)), teacher_temp=temperature
            )
        log["loss_minus_chance"] = total.detach() - math.log(student.shape[-1])
        log["center_norm"] = self.criterion.center.norm()
        return Loss(total, log)

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Hold the last layer while it is frozen, then let the teacher follow: t <- m t + (1 - m) s."""
        if progress < self.freeze_last_layer_share:
            # Its gradient is zero already; this undoes weight decay. Nothing moved the teacher's copy of it so far.
            for student, teacher in zip(self.head.prototypes(), self.teacher_head.prototypes(), strict=True):
                student.copy_(teacher)
        momentum = cosine(self.momentum_start, 1.0, progress)
        follow((self.teacher_encoder, self.teacher_head), (self.encoder, self.head), momentum)

    def weight_decay_scale(self, progress: float) -> float:
        """Cosine from 1 to `weight_decay_growth`."""
        return cosine(1.0, self.weight_decay_growth, progress)

    def online_encoder(self) -> Encoder:
        """The teacher's encoder: better than the student's at every moment of the training (section 5.2)."""
        return self.teacher_encoder

    def _teacher_temperature(self, progress: float) -> float:
        done = min(progress / self.warmup_share, 1.0) if self.warmup_share > 0 else 1.0
        return self.teacher_temperature_start + done * (self.teacher_temperature - self.teacher_temperature_start)


@torch.no_grad()
def _health(probabilities: Tensor) -> dict[str, Tensor]:
    """(2 B, K) of the teacher -> the two ways to collapse.

    teacher_entropy: mean entropy of a view over ln K; 1 is the uniform collapse (the loss then rests at ln K).
    kl_to_uniform: of the mean over the batch, over ln K; 1 is the collapse onto one prototype.
    """
    ln_k = math.log(probabilities.shape[-1])
    mean = probabilities.mean(dim=0)
    entropy = torch.special.entr(probabilities).sum(dim=-1).mean()
    return {"teacher_entropy": entropy / ln_k, "kl_to_uniform": 1 - torch.special.entr(mean).sum() / ln_k}
