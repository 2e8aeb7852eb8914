"""SimSiam: from one view of a galaxy, predict the projection of another, held still; neither negatives nor a teacher.

Chen & He 2021, arXiv:2011.10566: equations 1 to 4, algorithm 1, section 3 (heads). Loss and heads are lightly's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from lightly.loss.negative_cosine_similarity import NegativeCosineSimilarity
from lightly.models.modules.heads import SimSiamPredictionHead, SimSiamProjectionHead

from selfsup.encoders.base import Encoder
from selfsup.objectives.base import Objective
from selfsup.objectives.limits import refuse_outside
from selfsup.objectives.precision import widen
from selfsup.objectives.sphere import sphere_health
from selfsup.types import Batch, Loss

if TYPE_CHECKING:
    from selfsup.types import Views


class SimSiam(Objective):
    """Siamese networks with a stop-gradient, which is what keeps them from collapsing.

    BatchNorm is over all processes only where the trainer synchronises it.
    """

    views: ClassVar[dict[str, tuple[int, int]]] = {"global": (2, 2)}
    remedies: ClassVar[dict[str, str]] = {"predictor_dim": "a quarter of output_dim"}

    def __init__(self, encoder: Encoder, hidden_dim: int, output_dim: int, predictor_dim: int) -> None:
        """Build the heads.

        Args:
            encoder: what is trained.
            hidden_dim: width of the projector's two hidden layers.
            output_dim: width of the projection that is predicted.
            predictor_dim: width of the predictor's hidden layer, a bottleneck.

        Raises:
            ConfigError: a width that cannot be.
        """
        super().__init__(encoder)
        refuse_outside(1, math.inf, hidden_dim=hidden_dim, output_dim=output_dim, predictor_dim=predictor_dim)
        self.projector = SimSiamProjectionHead(encoder.dim, hidden_dim, output_dim)
        self.predictor = SimSiamPredictionHead(output_dim, predictor_dim, output_dim)
        self.criterion = NegativeCosineSimilarity()

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """Equation 4 plus 1, so that the best is 0 (same gradient), in at least float32.

        Logs `alignment`, `uniformity` and `deviation` of the projections (see `sphere_health`).
        """
        del batch, progress
        images = torch.cat(views["global"])  # one pass, so that BatchNorm sees both views
        projected = self.projector(self.encoder(images))
        predicted = self.predictor(projected)
        with torch.autocast(images.device.type, enabled=False):
            first, second = widen(projected.detach()).chunk(2)
            total = 1 + self.criterion(widen(predicted), torch.cat([second, first]))
            return Loss(total, sphere_health(first, second))
