"""NT-Xent (SimCLR): two views of one galaxy attract each other, all other views in the batch repel them.

Chen et al. 2020, arXiv:2002.05709, equation 1. The health scalars are alignment and uniformity of Wang & Isola 2020,
arXiv:2005.10242, section 4; they do not depend on the temperature, so runs can be compared.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from lightly.loss.ntx_ent_loss import NTXentLoss
from lightly.models.modules.heads import SimCLRProjectionHead
from lightly.utils.dist import world_size
from torch import Tensor
from torch.nn import functional as F

from selfsup.objectives.base import Objective
from selfsup.objectives.multicrop import project_pair
from selfsup.objectives.sphere import alignment_and_uniformity
from selfsup.types import Batch, ConfigError, Loss

if TYPE_CHECKING:
    from selfsup.encoders.base import Encoder
    from selfsup.types import Views


class NTXent(Objective):
    """Contrastive learning with in-batch negatives, gathered with their gradients from all processes.

    With W processes of B galaxies, each anchor meets 2 W B - 1 candidates, as one process would with the whole batch;
    every process must hold equally many galaxies (drop the last, smaller batch).

    Args:
        encoder: what is trained.
        temperature: divides the cosine similarities, above 0; the lower, the more the nearest negatives count.
        hidden_dim: width of the projector's hidden layer; None for the width of the embedding.
        output_dim: width of the projection that is compared.
        batch_norm: BatchNorm in the projector, as published; over all processes only where the trainer synchronises it.
    """

    views: ClassVar[dict[str, tuple[int, int]]] = {"global": (2, 2)}
    remedies: ClassVar[dict[str, str]] = {"batch_norm": "true", "temperature": "lower"}

    def __init__(
        self, encoder: Encoder, temperature: float, hidden_dim: int | None, output_dim: int, batch_norm: bool = True
    ) -> None:
        super().__init__(encoder)
        if not temperature > 0:
            raise ConfigError(f"objective.temperature: {temperature} is not above 0; write 0.1 to 0.5")
        hidden_dim = encoder.dim if hidden_dim is None else hidden_dim
        for name, width in (("hidden_dim", hidden_dim), ("output_dim", output_dim)):
            if width < 1:
                raise ConfigError(f"objective.{name}: {width} is not a width; write a whole number above 0")
        self.projector = SimCLRProjectionHead(encoder.dim, hidden_dim, output_dim, batch_norm=batch_norm)
        self.criterion = NTXentLoss(temperature=temperature, gather_distributed=True)

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """Loss of two views (B, C, H, W) per galaxy, in at least float32 whatever the precision of the networks.

        Logs `alignment`, `uniformity` and `top1` of this process's batch (see `_health`), and the loss above that of
        knowing nothing, where all candidates are as likely.
        """
        del batch, progress
        first, second = project_pair(self.encoder, self.projector, views["global"])
        # exp(1 / temperature) leaves the range of float16, and bfloat16 rounds a cosine of 1 to steps of 0.004.
        with torch.autocast(first.device.type, enabled=False):
            total = self.criterion(first, second)
            log = _health(first.detach(), second.detach())
            log["loss_minus_chance"] = total.detach() - math.log(2 * world_size() * len(first) - 1)
            return Loss(total, log)


@torch.no_grad()
def _health(first: Tensor, second: Tensor) -> dict[str, Tensor]:
    """Two (B, D) projections -> alignment, uniformity (see `sphere`), and the share of views that are told apart.

    top1: share of views whose nearest among the 2 B - 1 others is the other view of the same galaxy.
    """
    points = F.normalize(torch.cat([first, second]), dim=1)
    cosine = points @ points.T
    itself = torch.eye(len(points), dtype=torch.bool, device=points.device)
    partner = itself.roll(len(first), dims=0)
    nearest = cosine.masked_fill(itself, -torch.inf).argmax(dim=1)
    return {
        **alignment_and_uniformity(cosine),
        "top1": (nearest == partner.int().argmax(dim=1)).to(cosine.dtype).mean(),
    }
