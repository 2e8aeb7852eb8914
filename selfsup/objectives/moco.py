"""MoCo v2: a query finds the other view of its galaxy, its key, among a long queue of other galaxies' keys.

He et al. 2020, arXiv:1911.05722: equation 1 (loss), equation 2 (key network), algorithm 1; Chen et al. 2020,
arXiv:2003.04297 (projector, temperature). Stein et al. 2021, arXiv:2110.13151, took it to galaxies. The loss, the queue
and the projector are lightly's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from lightly.loss.ntx_ent_loss import NTXentLoss
from lightly.models.modules.heads import MoCoProjectionHead
from torch import Tensor

from selfsup.encoders.base import Encoder
from selfsup.objectives.base import Objective
from selfsup.objectives.limits import COLDEST, refuse_outside
from selfsup.objectives.precision import widen
from selfsup.objectives.sphere import sphere_health
from selfsup.objectives.teacher import follow, follow_statistics, slow_copy
from selfsup.types import Batch, Loss

if TYPE_CHECKING:
    from selfsup.types import Views


class MoCo(Objective):
    """Momentum contrast; what is probed and published is the query encoder, as in the paper.

    The key network runs in evaluation mode on averaged BatchNorm statistics (EMAN: Cai et al. 2021, arXiv:2101.08482).
    The paper's runs on batch statistics and shuffles the batch among GPUs, because otherwise a query knows its key by
    the statistics of the batch they share, which no key in the queue has; with one GPU shuffling changes nothing. A key
    that does not depend on its batch has no such mark, and needs neither shuffling nor synchronised statistics.
    """

    views: ClassVar[dict[str, tuple[int, int]]] = {"global": (2, 2)}
    remedies: ClassVar[dict[str, str]] = {"momentum": "higher", "temperature": "lower"}

    steps: Tensor

    def __init__(
        self,
        encoder: Encoder,
        temperature: float,
        queue_size: int,
        momentum: float,
        hidden_dim: int | None,
        output_dim: int,
    ) -> None:
        """Build the projector, the key network (a copy) and the queue (random at first).

        Args:
            encoder: of queries.
            temperature: divides the cosine similarities.
            queue_size: keys that are kept as negatives, first in first out; a multiple of the whole batch loses none.
            momentum: how much of the key network stays at each step, in [0, 1].
            hidden_dim: width of the projector's hidden layer; None for the width of the embedding.
            output_dim: width of queries and keys.

        Raises:
            ConfigError: a number out of its range.
        """
        super().__init__(encoder)
        hidden_dim = encoder.dim if hidden_dim is None else hidden_dim
        refuse_outside(COLDEST, math.inf, temperature=temperature)
        refuse_outside(1, math.inf, queue_size=queue_size, hidden_dim=hidden_dim, output_dim=output_dim)
        refuse_outside(0, 1, momentum=momentum)
        self.projector = MoCoProjectionHead(encoder.dim, hidden_dim, output_dim)
        self.key_encoder = slow_copy(encoder)
        self.key_projector = slow_copy(self.projector)
        self.criterion = NTXentLoss(temperature, memory_bank_size=(queue_size, output_dim), gather_distributed=True)
        queue = self.criterion.memory_bank
        for name in ("bank", "bank_ptr"):  # lightly leaves them out of the state, and a resumed run would differ
            queue.register_buffer(name, getattr(queue, name), persistent=True)
        self.momentum = momentum
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """Equation 1 with the first view as query and the second as key, in at least float32; moves the queue.

        The keys of all processes enter the queue, in their order, after the loss. Logs `alignment`, `uniformity` and
        `deviation` of queries and keys (see `sphere_health`), and the loss above that of knowing nothing. In evaluation
        mode the queue stays and the loss carries no gradient.
        """
        del batch, progress
        first, second = views["global"]
        query, key = self.projector(self.encoder(first)), self._key(second)
        with torch.autocast(query.device.type, enabled=False):
            query, key = widen(query), widen(key)
            # lightly moves the queue wherever the query has a gradient.
            total = self.criterion(query if self.training else query.detach(), key)
            chance = math.log(1 + len(self.criterion.memory_bank.bank))
            return Loss(total, sphere_health(query, key) | {"loss_minus_chance": total.detach() - chance})

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Let the key network follow, weights (equation 2) and statistics."""
        del progress
        slow, fast = (self.key_encoder, self.key_projector), (self.encoder, self.projector)
        follow(slow, fast, self.momentum)
        # Statistics begin at mean 0 and variance 1, of nothing seen: the average forgets them faster at first, with the
        # ramp that TensorFlow gives its moving averages.
        seen = int(self.steps)
        follow_statistics(slow, fast, min(self.momentum, (1 + seen) / (10 + seen)))
        self.steps += 1

    @torch.no_grad()
    def _key(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, output_dim), without a graph, each key from its own image alone."""
        self.key_encoder.eval()
        self.key_projector.eval()
        key: Tensor = self.key_projector(self.key_encoder(image))
        return key
