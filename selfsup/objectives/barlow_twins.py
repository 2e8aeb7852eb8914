"""Barlow Twins: the cross-correlation between two views' projections, taken over galaxies, shall be the identity.

Zbontar et al. 2021, arXiv:2103.03230: equations 1 and 2, algorithm 1. The loss and the projector are lightly's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from lightly.loss.barlow_twins_loss import BarlowTwinsLoss
from lightly.models.modules.heads import BarlowTwinsProjectionHead
from lightly.utils.dist import gather, world_size
from torch import Tensor

from selfsup.encoders.base import Encoder
from selfsup.objectives.base import Objective
from selfsup.objectives.limits import refuse_outside, refuse_single
from selfsup.objectives.multicrop import project_pair
from selfsup.objectives.sphere import sphere_health
from selfsup.types import Batch, Loss

if TYPE_CHECKING:
    from selfsup.types import Views


class BarlowTwins(Objective):
    """Redundancy reduction over the galaxies of all processes.

    Every process must hold equally many galaxies. BatchNorm in the projector is over all processes only where the
    trainer synchronises it.
    """

    views: ClassVar[dict[str, tuple[int, int]]] = {"global": (2, 2)}
    remedies: ClassVar[dict[str, str]] = {"redundancy_weight": "lower"}

    def __init__(self, encoder: Encoder, hidden_dim: int, output_dim: int, redundancy_weight: float) -> None:
        """Build the projector.

        Args:
            encoder: what is trained.
            hidden_dim: width of the projector's two hidden layers.
            output_dim: width of the projection; wider is better in the paper.
            redundancy_weight: the paper's lambda, of the squared correlations off the diagonal; 0 or more.

        Raises:
            ConfigError: a width or a weight that cannot be.
        """
        super().__init__(encoder)
        refuse_outside(1, math.inf, hidden_dim=hidden_dim)
        refuse_outside(2, math.inf, output_dim=output_dim)
        refuse_outside(0, math.inf, redundancy_weight=redundancy_weight)
        self.projector = BarlowTwinsProjectionHead(encoder.dim, hidden_dim, output_dim)
        # Not its own gather_distributed: that standardises each process's galaxies by themselves and then averages the
        # correlations, which is another loss than that of the whole batch.
        self.criterion = BarlowTwinsLoss(redundancy_weight, gather_distributed=False)

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """Equation 1 over two views (B, C, H, W) per galaxy, B above 1, in at least float32.

        Logs `alignment`, `uniformity` and `deviation` of this process's batch (see `sphere_health`).

        Raises:
            ConfigError: a batch of one galaxy.
        """
        del batch, progress
        refuse_single(len(views["global"][0]))
        first, second = project_pair(self.encoder, self.projector, views["global"])
        with torch.autocast(first.device.type, enabled=False):
            return Loss(self.criterion(_everyone(first), _everyone(second)), sphere_health(first, second))


def _everyone(rows: Tensor) -> Tensor:
    """(B, D) -> (W B, D), the rows of all processes, with their gradients."""
    return torch.cat(gather(rows)) if world_size() > 1 else rows
