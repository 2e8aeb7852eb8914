"""Several views through one network: many of different sizes, or the two of a pair."""

from __future__ import annotations

from itertools import groupby

import torch
from torch import Tensor, nn

from selfsup.encoders.base import Encoder
from selfsup.objectives.precision import widen


def encode_views(encoder: Encoder, images: list[Tensor]) -> Tensor:
    """V images (B, C, H, W) -> (V * B, D) in their order; neighbours of equal size share one pass.

    Caron et al. 2020, arXiv:2006.09882, section 3.3.
    """
    groups = (list(group) for _, group in groupby(images, key=lambda image: image.shape))
    return torch.cat([encoder(torch.cat(group)) for group in groups])


def project_pair(encoder: Encoder, projector: nn.Module, pair: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Two (B, C, H, W) -> two projections (B, D), at least float32, in one pass, so that BatchNorm sees both views."""
    first, second = widen(projector(encoder(torch.cat(pair)))).chunk(2)
    return first, second
