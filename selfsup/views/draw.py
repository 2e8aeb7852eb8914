"""Random numbers for a batch, one per image, from torch's default generator of the batch's device.

Nothing is drawn on another device or from another generator: who seeds torch, seeds the views.
"""

from functools import cache

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


def normal(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """`shape` float32, standard normal.

    A CPU core spends its time on the random bits: there 16 of them choose one of as many equally probable values, which
    takes half of `torch.randn`'s time and ends at 4.3 sigma.
    """
    if device.type != "cpu":
        return torch.randn(shape, device=device)
    count = torch.Size(shape).numel()
    bits = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    place = bits.view(torch.int16)[:count].to(torch.int32).add_(2**15)
    return _quantiles().index_select(0, place).view(shape)


@cache
def _quantiles() -> Tensor:
    """(2^16,) the normal distribution's quantiles in the middle of as many bins of the same probability."""
    share = (torch.arange(2**16, dtype=torch.float64) + 0.5) / 2**16
    quantiles: Tensor = torch.special.ndtri(share)
    return quantiles.float()
