"""Depthwise convolutions (Howard et al. 2017, MobileNets, arXiv 1704.04861) at the precision that a CPU is good at.

There the gradient of one in bfloat16 takes several times as long as in single precision, while other layers gain: about
half of an EfficientNet-B0's step went there.
"""

import torch
from torch import Tensor, nn


class DepthwiseConv2d(nn.Conv2d):
    """A convolution that computes in single precision on a CPU under autocast, and returns what autocast would."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', h, w)."""
        if input.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            wide = super().forward(input.float())
        return wide.to(torch.get_autocast_dtype("cpu"))


def widen_depthwise(net: nn.Module) -> None:
    """Let a network's plain convolutions of one channel each be such, in place; weights and their names stay."""
    for part in net.modules():
        if type(part) is nn.Conv2d and part.groups == part.in_channels > 1:
            part.__class__ = DepthwiseConv2d
