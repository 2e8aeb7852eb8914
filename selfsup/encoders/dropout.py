"""Dropout (Srivastava et al. 2014, JMLR 15, 1929) whose random numbers cost no more than the layer that it follows.

On a CPU torch draws a whole random number for each unit, which takes longer than a small transformer's layers. Here 16
bits decide: the probability is right to 1 / 65536.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEVELS = 2**16


class Dropout(nn.Dropout):
    """As torch's, from whose default generator it draws; another seed's worth of numbers on a CPU."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape -> the same, in training with units set to 0 and the others enlarged, so that the mean stays."""
        return drop(input, self.p if self.training else 0.0)


def drop(x: Tensor, p: float) -> Tensor:
    """Any shape -> the same; each element is 0 with probability `p` in [0, 1), the others are divided by 1 - p."""
    if p == 0 or x.device.type != "cpu":
        return F.dropout(x, p)
    dropped = round(p * LEVELS)
    bits = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    kept = bits.view(torch.int16)[: x.numel()].view(x.shape) >= dropped - LEVELS // 2
    return x * kept.to(x.dtype).mul_(LEVELS / (LEVELS - dropped))
