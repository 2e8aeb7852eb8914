"""BYOL: from one view of a galaxy, predict what a slow copy of the network says of another; no negatives.

Grill et al. 2020, arXiv:2006.07733: equation 1 (target network), equation 2 (loss), section 3.2 (heads, schedule of the
momentum). The loss and the heads are lightly's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from lightly.loss.negative_cosine_similarity import NegativeCosineSimilarity
from lightly.models.modules.heads import BYOLPredictionHead, BYOLProjectionHead
from torch import Tensor

from selfsup.encoders.base import Encoder
from selfsup.objectives.base import Objective
from selfsup.objectives.limits import refuse_outside
from selfsup.objectives.precision import widen
from selfsup.objectives.sphere import sphere_health
from selfsup.objectives.teacher import cosine, follow, normalise_by_batch, slow_copy
from selfsup.types import Batch, Loss

if TYPE_CHECKING:
    from selfsup.types import Views


class BYOL(Objective):
    """Bootstrap your own latent; what is probed and published is the online encoder, as in the paper.

    BatchNorm of the target works on its own batches, as in the paper; in both networks it is over all processes only
    where the trainer synchronises it. Dropout and stochastic depth are off in the target.
    """

    views: ClassVar[dict[str, tuple[int, int]]] = {"global": (2, 2)}
    remedies: ClassVar[dict[str, str]] = {"momentum_start": "higher"}

    def __init__(
        self, encoder: Encoder, hidden_dim: int, output_dim: int, predictor_dim: int, momentum_start: float
    ) -> None:
        """Build the heads; the target network starts as a copy.

        Args:
            encoder: the online encoder.
            hidden_dim: width of the projector's hidden layer.
            output_dim: width of the projection that is predicted.
            predictor_dim: width of the predictor's hidden layer.
            momentum_start: how much of the target stays at each step, in [0, 1]; rises to 1 along a cosine.

        Raises:
            ConfigError: a width or a momentum that cannot be.
        """
        super().__init__(encoder)
        refuse_outside(1, math.inf, hidden_dim=hidden_dim, output_dim=output_dim, predictor_dim=predictor_dim)
        refuse_outside(0, 1, momentum_start=momentum_start)
        self.projector = BYOLProjectionHead(encoder.dim, hidden_dim, output_dim)
        self.predictor = BYOLPredictionHead(output_dim, predictor_dim, output_dim)
        self.target_encoder = slow_copy(encoder)
        self.target_projector = slow_copy(self.projector)
        self.criterion = NegativeCosineSimilarity()
        self.momentum_start = momentum_start

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """Equation 2 for both directions: 0 at best, 8 at worst, in at least float32.

        Logs `alignment`, `uniformity` and `deviation` of the online projections (see `sphere_health`).
        """
        del batch, progress
        images = torch.cat(views["global"])  # one pass, so that BatchNorm sees both views
        projected = self.projector(self.encoder(images))
        predicted, target = self.predictor(projected), self._target(images)
        with torch.autocast(images.device.type, enabled=False):
            first, second = widen(target).chunk(2)
            # |p - z|^2 = 2 - 2 cos on the sphere, and the two directions are added: twice their mean.
            total = 4 + 4 * self.criterion(widen(predicted), torch.cat([second, first]))
            return Loss(total, sphere_health(*widen(projected.detach()).chunk(2)))

    def after_step(self, progress: float) -> None:
        """Let the target follow (equation 1)."""
        momentum = cosine(self.momentum_start, 1.0, progress)
        follow((self.target_encoder, self.target_projector), (self.encoder, self.projector), momentum)

    @torch.no_grad()
    def _target(self, images: Tensor) -> Tensor:
        """(2 B, C, H, W) -> (2 B, output_dim), without a graph."""
        normalise_by_batch((self.target_encoder, self.target_projector), self.training)
        target: Tensor = self.target_projector(self.target_encoder(images))
        return target
