"""Random numbers for a batch, one per image, from torch's default generator of the batch's device.

Nothing is drawn on another device or from another generator: who seeds torch, seeds the views.
"""

import torch
from torch import Tensor

from selfsup.views.settings import Range


def uniform(span: Range, count: int, device: torch.device) -> Tensor:
    """(count,) float32, uniform in `span`."""
    low, high = span
    return torch.rand(count, device=device).mul_(high - low).add_(low)


def happens(probability: float, count: int, device: torch.device) -> Tensor:
    """(count,) bool, each true with `probability` on its own; exact at 0 and 1."""
    return torch.rand(count, device=device) < probability


def chosen(probability: float, count: int, device: torch.device) -> Tensor:
    """(n,) int64, the places of the images for which it `happens`."""
    return happens(probability, count, device).nonzero().squeeze(1)
