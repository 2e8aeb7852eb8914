"""Images as sequences of patches (He et al. 2021, arXiv:2111.06377, section 3), and patches hidden in images."""

from __future__ import annotations

import torch
from torch import Tensor


def patchify(image: Tensor, patch_px: int) -> Tensor:
    """(B, C, H, W) -> (B, T, P * P * C), patches in row-major order; H and W are multiples of P."""
    b, c, height, width = image.shape
    cells = image.reshape(b, c, height // patch_px, patch_px, width // patch_px, patch_px)
    return cells.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def unpatchify(patches: Tensor, grid: tuple[int, int], patch_px: int) -> Tensor:
    """(B, T, P * P * C) -> (B, C, H, W), the inverse of `patchify`."""
    cells = patches.reshape(len(patches), *grid, patch_px, patch_px, -1)
    return cells.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)


def hidden_pixels(hidden: Tensor, grid: tuple[int, int], patch_px: int) -> Tensor:
    """(B, T) bool -> (B, H, W) bool."""
    return hidden.reshape(-1, *grid).repeat_interleave(patch_px, 1).repeat_interleave(patch_px, 2)


def cover(image: Tensor, hidden: Tensor, patch_px: int, paint: Tensor) -> Tensor:
    """(B, C, H, W), (B, T) -> image whose hidden patches are painted; paint (1, C, 1, 1) broadcasts."""
    grid = (image.shape[-2] // patch_px, image.shape[-1] // patch_px)
    return torch.where(hidden_pixels(hidden, grid, patch_px)[:, None], paint.to(image.dtype), image)


def places(visible: Tensor) -> Tensor:
    """(B, T) bool, equally many true per row -> (B, T') their places in ascending order."""
    return visible.nonzero()[:, 1].view(len(visible), -1)


def take(tokens: Tensor, where: Tensor) -> Tensor:
    """(B, T, D), (B, T') -> (B, T', D)."""
    return tokens.gather(1, where[..., None].expand(-1, -1, tokens.shape[-1]))
