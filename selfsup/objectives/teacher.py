"""A slow copy of a network that follows the trained one: teacher, target or key network, as the papers call it.

Its weights are an exponential moving average of the trained network's (He et al. 2020, arXiv:1911.05722, equation 2;
Grill et al. 2020, arXiv:2006.07733, equation 1; Caron et al. 2021, arXiv:2104.14294, section 3.1). No gradient reaches
it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Network = TypeVar("Network", bound=nn.Module)


def slow_copy(network: Network) -> Network:
    """A copy with the same weights whose parameters never get a gradient."""
    return copy.deepcopy(network).requires_grad_(False)


@torch.no_grad()
def follow(slow: Iterable[nn.Module], fast: Iterable[nn.Module], momentum: float) -> None:
    """Parameters of the slow networks: t <- m t + (1 - m) s; the two sequences are of the same build."""
    followers: list[Tensor] = [parameter for network in slow for parameter in network.parameters()]
    leaders: list[Tensor] = [parameter for network in fast for parameter in network.parameters()]
    # Unlike m * t + (1 - m) * s, the interpolation leaves equal values exactly equal.
    torch._foreach_lerp_(followers, leaders, 1.0 - momentum)


@torch.no_grad()
def follow_statistics(slow: Iterable[nn.Module], fast: Iterable[nn.Module], momentum: float) -> None:
    """The same for buffers that hold real numbers: the running statistics of BatchNorm.

    Cai et al. 2021, arXiv:2101.08482 (EMAN), equation 4: with them the slow network can be run in evaluation mode.
    """
    followers = [buffer for network in slow for buffer in network.buffers()]
    leaders = [buffer for network in fast for buffer in network.buffers()]
    for follower, leader in zip(followers, leaders, strict=True):
        if follower.is_floating_point():
            follower.lerp_(leader, 1.0 - momentum)


def normalise_by_batch(networks: Iterable[nn.Module], training: bool) -> None:
    """Mode of slow networks that normalise as the fast ones do: batch statistics in training, never dropout.

    To be called at each step, because probes switch the mode of what is published.
    """
    for network in networks:
        for module in network.modules():
            module.training = training and isinstance(module, _BatchNorm)


def cosine(start: float, end: float, progress: float) -> float:
    """From start to end along half a cosine, for progress in [0, 1]."""
    return end + (start - end) * (1.0 + math.cos(math.pi * progress)) / 2.0
