"""A head that tells how near an embedding is to each of K learned directions (Caron et al. 2021, arXiv:2104.14294)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from selfsup.objectives.precision import widen


class PrototypeHead(nn.Module):
    """Embedding -> K logits: three layers, a point on the sphere, its cosine with K prototypes (appendix C).

    Not lightly's head, whose weight normalisation is deprecated in torch and cannot be copied after a forward pass.

    Args:
        input_dim: D of the embedding.
        hidden_dim: width of the two hidden layers.
        bottleneck_dim: width of the sphere's space.
        output_dim: K.
        batch_norm: BatchNorm after the hidden layers.
        norm_last_layer: prototypes have length 1; otherwise their lengths are learned from 1 on.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int,
        bottleneck_dim: int,
        output_dim: int,
        batch_norm: bool,
        norm_last_layer: bool,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width, following in ((input_dim, hidden_dim), (hidden_dim, hidden_dim)):
            layers += [nn.Linear(width, following, bias=not batch_norm)]
            layers += [nn.BatchNorm1d(following), nn.GELU()] if batch_norm else [nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden_dim, bottleneck_dim))
        self.layers.apply(_initialise)
        self.direction = nn.Parameter(torch.empty(output_dim, bottleneck_dim))
        nn.init.normal_(self.direction, std=bottleneck_dim**-0.5)
        self.length = nn.Parameter(torch.ones(output_dim), requires_grad=not norm_last_layer)

    def forward(self, embedding: Tensor, frozen: bool = False) -> Tensor:
        """(B, D) -> (B, K), in at least float32; `frozen` gives the prototypes a gradient of zero."""
        point = self.layers(embedding)
        # bfloat16 would round a cosine to steps of 0.004, which a temperature of 0.02 makes 0.2 in the exponent.
        with torch.autocast(point.device.type, enabled=False):
            prototypes = self.length[:, None] * F.normalize(widen(self.direction), dim=1)
            if frozen:  # zero and not none: a distributed reducer waits for the gradient of every parameter
                prototypes = prototypes.detach() + 0.0 * prototypes
            return F.linear(F.normalize(widen(point), dim=1), prototypes)

    def prototypes(self) -> list[nn.Parameter]:
        """The parameters of the last layer."""
        return [self.direction, self.length]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
