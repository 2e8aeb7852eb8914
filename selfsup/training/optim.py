"""Parameter groups, the learning-rate schedule, and what the processor is good at: its precision, fused updates.

Learning rates by depth: Bao et al. 2022 (BEiT, arXiv:2106.08254) and He et al. 2021 (MAE, arXiv:2111.06377), appendix
A.1: block i of L learns at decay ** (L - i) times the rate of the head, the patch embedding being block 0.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from selfsup.types import ConfigError

Layers = Sequence[Sequence[nn.Module | nn.Parameter]]
"""What an encoder's `by_depth` returns."""
FUSED_ON = ("cpu", "cuda")
"""Devices for which torch has fused optimizers."""


def parameter_groups(module: nn.Module, scales: Mapping[nn.Parameter, float] | None = None) -> list[dict[str, object]]:
    """Trainable parameters in two groups: matrices and kernels decay, 1-D parameters (biases, norms) do not.

    The second group carries `weight_decay` 0, as in DINO, MAE and SimCLR. With `scales` (parameter -> share of the
    learning rate, 1 where it has none) there are two groups for each scale, which they carry as `lr_scale`.
    """
    trainable = [p for p in module.parameters() if p.requires_grad]
    if scales is None:
        return _by_dimension(trainable)
    shares = [scales.get(p, 1.0) for p in trainable]
    groups: list[dict[str, object]] = []
    for share in sorted(set(shares), reverse=True):
        same = [p for p, each in zip(trainable, shares, strict=True) if each == share]
        groups += [group | {"lr_scale": share} for group in _by_dimension(same)]
    return groups


def layer_scales(layers: Layers, decay: float) -> dict[nn.Parameter, float]:
    """The parameters of an encoder's layers -> decay ** (L - i) for those of the i-th of L, counted from 0."""
    return {p: decay ** (len(layers) - i) for i, layer in enumerate(layers) for p in _parameters(layer)}


def freeze(encoder: nn.Module, layers: Layers, count: int) -> list[nn.Module]:
    """Take the first `count` layers out of the training; with all of them, the whole encoder.

    Their parameters get no gradient. Returns the modules that have to be held in evaluation mode, in which they are
    now: without that, BatchNorm would go on following the images, and dropout go on dropping.

    Raises:
        ConfigError: there are not so many.
    """
    if count > len(layers):
        raise ConfigError(f"trainer.frozen_blocks: {count}, but the encoder has {len(layers)}; write that or fewer")
    frozen: Layers = [[encoder]] if count == len(layers) else layers[:count]
    modules: list[nn.Module] = []
    for layer in frozen:
        for each in layer:
            each.requires_grad_(False)
            if isinstance(each, nn.Module):
                modules.append(each.eval())
    return modules


def _by_dimension(parameters: Sequence[nn.Parameter]) -> list[dict[str, object]]:
    groups: list[dict[str, object]] = [{"params": [p for p in parameters if p.ndim > 1]}]
    if flat := [p for p in parameters if p.ndim <= 1]:
        groups.append({"params": flat, "weight_decay": 0.0})
    return groups


def _parameters(layer: Sequence[nn.Module | nn.Parameter]) -> list[nn.Parameter]:
    return [p for each in layer for p in (each.parameters() if isinstance(each, nn.Module) else [each])]


def fuse(optimizer: Optimizer) -> Optimizer:
    """Let torch update all weights of a group in one pass over memory, where it can and nobody chose otherwise.

    By itself it takes a loop over the weights on a CPU. The same flag in the constructor would also announce that the
    optimizer unscales gradients of float16 itself, and Lightning then refuses to clip them.
    """
    for group in optimizer.param_groups:
        unchosen = "fused" in group and group["fused"] is None and group.get("foreach") is None
        if unchosen and all(p.device.type in FUSED_ON and p.is_floating_point() for p in group["params"]):
            group["fused"] = True
    return optimizer


def warmup_cosine(optimizer: Optimizer, steps: int, warmup_share: float, final_share: float) -> LambdaLR:
    """Linear rise over the first share of the steps, then a half cosine down to `final_share` of the peak."""
    step_share = 1 / max(1, steps)
    return LambdaLR(optimizer, lambda step: lr_share(step * step_share, warmup_share, final_share, step_share))


def lr_share(progress: float, warmup_share: float, final_share: float, step_share: float = 0.0) -> float:
    """Learning rate at `progress` in [0, 1] as a share of its peak; the first step of a warm-up is not zero."""
    if progress < warmup_share:
        return min(1.0, (progress + step_share) / warmup_share)
    done = min(1.0, (progress - warmup_share) / (1 - warmup_share))
    return final_share + (1 - final_share) * (1 + math.cos(math.pi * done)) / 2


def best_precision(accelerator: str) -> str:
    """bf16 where the processor computes in it, else single precision."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    return "bf16-mixed" if _cpu_has_bf16() else "32-true"


def _cpu_has_bf16() -> bool:
    if not hasattr(torch.cpu, "get_capabilities"):  # torch 2.10
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16"))
