"""VICReg: two views of a galaxy agree, while each coordinate keeps its variance and no two coordinates say the same.

Bardes et al. 2022, arXiv:2105.04906: equations 1 to 6. The loss is lightly's, which follows the authors' code where it
differs from the paper: distances are per coordinate, and the variance terms of the two views are averaged, not added.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from lightly.loss.vicreg_loss import VICRegLoss
from lightly.models.modules.heads import BarlowTwinsProjectionHead

from selfsup.encoders.base import Encoder
from selfsup.objectives.base import Objective
from selfsup.objectives.limits import refuse_outside, refuse_single
from selfsup.objectives.multicrop import project_pair
from selfsup.objectives.sphere import sphere_health
from selfsup.types import Batch, Loss

if TYPE_CHECKING:
    from selfsup.types import Views


class VICReg(Objective):
    """Variance-invariance-covariance regularisation over the galaxies of all processes.

    Every process must hold equally many galaxies. BatchNorm in the expander is over all processes only where the
    trainer synchronises it.
    """

    views: ClassVar[dict[str, tuple[int, int]]] = {"global": (2, 2)}
    remedies: ClassVar[dict[str, str]] = {"variance_weight": "higher"}

    def __init__(
        self,
        encoder: Encoder,
        hidden_dim: int,
        output_dim: int,
        invariance_weight: float,
        variance_weight: float,
        covariance_weight: float,
    ) -> None:
        """Build the expander: three layers, of the same build as Barlow Twins' projector.

        Args:
            encoder: what is trained.
            hidden_dim: width of the expander's two hidden layers.
            output_dim: width of the expander's output.
            invariance_weight: the paper's lambda, of the squared distance between the views; 0 or more.
            variance_weight: mu, of how far standard deviations fall short of 1; 0 or more.
            covariance_weight: nu, of the squared covariances; 0 or more.

        Raises:
            ConfigError: a width or a weight that cannot be.
        """
        super().__init__(encoder)
        refuse_outside(1, math.inf, hidden_dim=hidden_dim)
        refuse_outside(2, math.inf, output_dim=output_dim)
        refuse_outside(0, math.inf, invariance_weight=invariance_weight, variance_weight=variance_weight)
        refuse_outside(0, math.inf, covariance_weight=covariance_weight)
        self.expander = BarlowTwinsProjectionHead(encoder.dim, hidden_dim, output_dim)
        self.criterion = VICRegLoss(invariance_weight, variance_weight, covariance_weight, gather_distributed=True)

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """Loss of two views (B, C, H, W) per galaxy, B above 1, in at least float32.

        Logs `alignment`, `uniformity` and `deviation` of this process's batch (see `sphere_health`).

        Raises:
            ConfigError: a batch of one galaxy.
        """
        del batch, progress
        refuse_single(len(views["global"][0]))
        first, second = project_pair(self.encoder, self.expander, views["global"])
        with torch.autocast(first.device.type, enabled=False):
            return Loss(self.criterion(first, second), sphere_health(first, second))
