"""What transformers over patches share, whatever their attention: tokens and positions, class token, maps, pyramid.

Dosovitskiy et al. 2021, arXiv 2010.11929, equations 1-4. The pyramid resizes the sequence of several blocks as a
simple feature pyramid does (Li et al. 2022, ViTDet, arXiv 2203.16527), but without parameters.
"""

import math
from abc import abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from selfsup.encoders.base import TokenEncoder
from selfsup.types import ConfigError

Grid = tuple[int, int]


class PatchTransformer(TokenEncoder):
    """Patches plus positions, behind a class token, through a stack of blocks; the embedding is the class token.

    Subclasses set `dim`, `patch_px` and `depth`.
    """

    depth: int
    """Number of blocks."""

    @abstractmethod
    def patches(self, image: Tensor) -> Tensor:
        """(B, C, H, W) centred and scaled -> (B, T, D), a linear map of each patch, without position."""

    @abstractmethod
    def positions_on(self, grid: Grid) -> Tensor:
        """(1, T, D) positions of the patches of a grid, interpolated where it is not the one they were made for."""

    @abstractmethod
    def states(self, tokens: Tensor, keep: Tensor | None, grid: Grid | None, ends: set[int]) -> list[Tensor]:
        """(B, T', D) -> for each number of blocks in `ends`, ascending, (B, 1 + T', D) after them and the norm."""

    def embed(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, T, D) patch tokens with positions, interpolated where the grid is another.

        Raises:
            ValueError: H or W is not a multiple of the patch.
        """
        grid = self.grid(image)
        if image.shape[-2:] != (grid[0] * self.patch_px, grid[1] * self.patch_px):
            raise ValueError(f"images of {tuple(image.shape[-2:])} px are not whole patches of {self.patch_px} px")
        return torch.add(self.patches(self.normalize(image)), self.positions_on(grid))

    def encode(self, tokens: Tensor, keep: Tensor | None = None, grid: Grid | None = None) -> Tensor:
        """(B, T', D) -> (B, 1 + T', D) after all blocks and the norm, class token first."""
        return self.states(tokens, keep, grid, {self.depth})[0]

    def feature_map(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D, h, w), the patch tokens after the final norm."""
        grid = self.grid(image)
        return _to_map(self.encode(self.embed(image), grid=grid), grid)

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> maps of stride >= 2 px up to the patch's, from evenly spaced blocks; last the feature map."""
        levels, grid = int(math.log2(self.patch_px)), self.grid(image)
        ends = [math.ceil(self.depth * (level + 1) / levels) for level in range(levels)] or [self.depth]
        states = dict(zip(sorted(set(ends)), self.states(self.embed(image), None, grid, set(ends)), strict=True))
        maps = [_to_map(states[end], grid) for end in ends]
        return [_enlarge(each, 2 ** (len(maps) - 1 - level)) for level, each in enumerate(maps)]

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D), the class token."""
        return self.encode(self.embed(image), grid=self.grid(image))[:, 0]


def require_tiling(image_size_px: int, patch_px: int) -> None:
    """Raise ConfigError unless patches tile the images."""
    if image_size_px % patch_px:
        raise ConfigError(
            f"encoder.patch_px: {patch_px} px patches do not tile images of {image_size_px} px. "
            "Choose a divisor, or another data.size_px."
        )


def _to_map(tokens: Tensor, grid: Grid) -> Tensor:
    """(B, 1 + T, D) -> (B, D, h, w)."""
    return tokens[:, 1:].transpose(1, 2).reshape(len(tokens), tokens.shape[-1], *grid)


def _enlarge(features: Tensor, factor: int) -> Tensor:
    """(B, D, h, w) -> (B, D, h * factor, w * factor)."""
    return features if factor == 1 else F.interpolate(features, scale_factor=factor, mode="bilinear")
