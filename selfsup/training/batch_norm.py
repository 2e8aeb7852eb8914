"""BatchNorm over the galaxies of all ranks, so that several devices learn what one with the whole batch would.

Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1, with the batch of all processes. On a GPU torch's SyncBatchNorm
does it. It refuses the tensors of a CPU, for which a plain one is here; and torch's conversion drops the activation
within timm's BatchNormAct2d (hence timm's class), and makes modules anew, of which a list of frozen blocks would know
nothing. So here the modules stay, and only their class changes, and changes back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightly.utils.dist import gather
from timm.layers.norm_act import BatchNormAct2d, SyncBatchNormAct
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from selfsup.objectives.precision import widen


class RankBatchNorm(_BatchNorm):
    """SyncBatchNorm of what is on a CPU; the mean first, then the squares around it, which loses no digits."""

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, D, ...) -> the same shape; statistics over the B of all ranks, which may differ."""
        if not self.training:
            return super().forward(input)
        wide = widen(input)
        axes = [axis for axis in range(input.ndim) if axis != 1]
        count = _total(wide.new_tensor([input.numel() / input.shape[1]]))
        mean = _total(wide.sum(axes)) / count
        centred = wide - _along(mean, input)
        variance = _total(centred.square().sum(axes)) / count
        self._follow(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        out = centred * _along((variance + self.eps).rsqrt(), input)
        if self.affine:
            out = out * _along(self.weight, input) + _along(self.bias, input)
        return out.to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the statistics that evaluation uses."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        self.running_var.lerp_(variance.to(self.running_var), share)


class RankBatchNormAct(RankBatchNorm):
    """The same with timm's activation behind it."""

    drop: nn.Module
    act: nn.Module

    def forward(self, input: Tensor) -> Tensor:
        """(B, D, H, W) -> the same shape."""
        activated: Tensor = self.act(self.drop(super().forward(input)))
        return activated


@contextmanager
def synchronised(module: nn.Module, ranks: int, device: torch.device) -> Iterator[None]:
    """Within, every BatchNorm of the module works over all processes, where there are several; afterwards alone."""
    on_cpu = device.type == "cpu"
    plain, with_act = (RankBatchNorm, RankBatchNormAct) if on_cpu else (nn.SyncBatchNorm, SyncBatchNormAct)
    changed: list[tuple[Any, type]] = []
    for part in module.modules() if ranks > 1 else ():
        if isinstance(part, _BatchNorm):
            changed.append((part, part.__class__))
            part.__class__ = with_act if isinstance(part, BatchNormAct2d) else plain
            part.process_group = None  # type: ignore[assignment]  # all of them
    try:
        yield
    finally:
        for part, before in changed:
            part.__class__ = before
            del part.process_group


def _total(values: Tensor) -> Tensor:
    """The sum over all ranks, through which gradients go."""
    return torch.stack(gather(values)).sum(0)


def _along(values: Tensor, like: Tensor) -> Tensor:
    """(D) -> a shape that broadcasts over (B, D, ...)."""
    return values.view(1, -1, *[1] * (like.ndim - 2))
