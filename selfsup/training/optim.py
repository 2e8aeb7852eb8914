"""Parameter groups, the learning-rate schedule, and the precision that the processor is good at."""

import math

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def parameter_groups(module: nn.Module) -> list[dict[str, object]]:
    """Trainable parameters in two groups: matrices and kernels decay, 1-D parameters (biases, norms) do not.

    The second group carries `weight_decay` 0, as in DINO, MAE and SimCLR.
    """
    trainable = [p for p in module.parameters() if p.requires_grad]
    groups: list[dict[str, object]] = [{"params": [p for p in trainable if p.ndim > 1]}]
    if flat := [p for p in trainable if p.ndim <= 1]:
        groups.append({"params": flat, "weight_decay": 0.0})
    return groups


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
