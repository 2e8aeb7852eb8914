"""LeJEPA: all views of a galaxy agree, and the projections of all galaxies together look like an isotropic Gaussian.

Balestriero & LeCun 2025, arXiv:2511.08544: SIGReg (the Epps-Pulley statistic along random directions) and the
prediction loss towards the centre of the global views. SIGReg and the projector are lightly's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from lightly.loss.lejepa_loss import SIGReg
from lightly.models.modules.heads import LeJEPAProjectionHead
from torch import Tensor

from selfsup.encoders.base import Encoder
from selfsup.objectives.base import Objective
from selfsup.objectives.limits import refuse_outside
from selfsup.objectives.multicrop import encode_views
from selfsup.objectives.precision import widen
from selfsup.objectives.sphere import sphere_health
from selfsup.types import Batch, Loss

if TYPE_CHECKING:
    from selfsup.types import Views


class LeJEPA(Objective):
    """Neither teacher nor stop-gradient nor negatives: a test of normality keeps the projections apart.

    The statistic is that of the galaxies of all processes, of which every one must hold equally many. BatchNorm in the
    projector is over all processes only where the trainer synchronises it.
    """

    views: ClassVar[dict[str, tuple[int, int]]] = {"global": (2, 8), "local": (0, 12)}
    remedies: ClassVar[dict[str, str]] = {"sigreg_weight": "higher"}

    draws: Tensor

    def __init__(
        self,
        encoder: Encoder,
        *,
        hidden_dim: int,
        output_dim: int,
        sigreg_weight: float,
        directions: int,
        knots: int,
        t_max: float,
    ) -> None:
        """Build the projector and the statistic.

        Args:
            encoder: what is trained.
            hidden_dim: width of the projector's two hidden layers.
            output_dim: width of the projection that becomes Gaussian.
            sigreg_weight: the paper's lambda, in [0, 1]: share of SIGReg in the loss, the rest is the prediction.
            directions: random directions along which each step tests.
            knots: frequencies at which characteristic functions are compared.
            t_max: largest of these frequencies, above 0.

        Raises:
            ConfigError: a number out of its range.
        """
        super().__init__(encoder)
        refuse_outside(1, math.inf, hidden_dim=hidden_dim, output_dim=output_dim, directions=directions)
        refuse_outside(2, math.inf, knots=knots)
        refuse_outside(0, 1, sigreg_weight=sigreg_weight)
        refuse_outside(1e-3, math.inf, t_max=t_max)
        self.projector = LeJEPAProjectionHead(encoder.dim, hidden_dim, output_dim)
        self.sigreg = SIGReg(knots=knots, t_max=t_max, num_vectors=directions, gather_distributed=True)
        self.sigreg_weight = sigreg_weight
        self.register_buffer("draws", torch.zeros((), dtype=torch.int64))

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """SIGReg over all views, and their squared distance to the centre of the global ones; at least float32.

        Logs both terms, and `alignment`, `uniformity` and `deviation` of two global views (see `sphere_health`).
        In evaluation mode the directions stay those of the last training step.
        """
        del batch, progress
        images = views["global"] + views.get("local", [])
        projected = self.projector(encode_views(self.encoder, images))
        if self.training:
            self.draws += 1
        with torch.autocast(projected.device.type, enabled=False):
            points = widen(projected).view(len(images), -1, projected.shape[-1])
            centre = points[: len(views["global"])].mean(dim=0)
            prediction, sigreg = (points - centre).square().mean(), self._sigreg(points)
            log = {"prediction": prediction.detach(), "sigreg": sigreg.detach(), **sphere_health(points[0], points[1])}
            return Loss(self.sigreg_weight * sigreg + (1 - self.sigreg_weight) * prediction, log)

    def _sigreg(self, points: Tensor) -> Tensor:
        """(V, B, D) -> (), mean over views of the statistic along this step's directions.

        lightly draws them from torch's global generator, whose state depends on the process and on the views. Seeding
        with the number of the step, as the authors' code does, makes them the same in every process, whatever their
        number, and after an interruption; the generator's own sequence goes on undisturbed.
        """
        device = points.device
        forked = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(forked, device_type=device.type):
            torch.manual_seed(int(self.draws))
            statistic: Tensor = self.sigreg(points)
        return statistic
