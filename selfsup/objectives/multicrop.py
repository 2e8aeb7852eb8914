"""Many views of different sizes through one encoder (Caron et al. 2020, arXiv:2006.09882, section 3.3)."""

from __future__ import annotations

from itertools import groupby

import torch
from torch import Tensor

from selfsup.encoders.base import Encoder


def encode_views(encoder: Encoder, images: list[Tensor]) -> Tensor:
    """V images (B, C, H, W) -> (V * B, D) in their order; neighbours of equal size share one pass."""
    groups = (list(group) for _, group in groupby(images, key=lambda image: image.shape))
    return torch.cat([encoder(torch.cat(group)) for group in groups])
