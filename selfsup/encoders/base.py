"""The contract of an encoder: an image becomes a vector, a map, and a pyramid of maps."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

Layer = Sequence[nn.Module | nn.Parameter]
"""What stands at one depth of an encoder: modules, and parameters that are in no module of their own."""


class Encoder(nn.Module, ABC):
    """Image (B, C, H, W) float in [0, 1] -> embedding (B, D). H and W may differ from call to call.

    Subclasses call `self.normalize(image)` first; they must not depend on the batch outside BatchNorm.
    """

    dim: int
    """D, the width of the embedding and of the feature map."""

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int, mean: float | tuple[float, ...], std: float | tuple[float, ...]) -> None:
        """Register the normalisation.

        Args:
            channels: C of the images.
            mean: per-channel mean that is subtracted; shorter or longer than C, its average is used for each channel.
            std: per-channel scale that is divided by; same rule.
        """
        super().__init__()
        self.register_buffer("mean", _per_channel(mean, channels), persistent=False)
        self.register_buffer("std", _per_channel(std, channels), persistent=False)

    def normalize(self, image: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] -> the same, centred and scaled."""
        return (image - self.mean) / self.std

    @abstractmethod
    def feature_map(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D, h, w), the map whose pooling is the embedding."""

    @abstractmethod
    def pyramid(self, image: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> maps from fine to coarse, for decoders with skip connections; the last is the feature map."""

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D)."""

    def by_depth(self) -> list[Layer]:
        """Its blocks from the image on, for learning rates by depth and for freezing the first ones.

        What comes after the last block (a final norm) may be in none. Unless an encoder says more, it is one block.
        """
        return [[self]]


class Wrapped(Encoder):
    """Another encoder, asked in a way of its own. It has no weights.

    Args:
        encoder: the one that is asked; it stays as it is, and normalises the picture itself.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder.mean.shape[1], mean=0.0, std=1.0)
        self.encoder = encoder
        self.dim = encoder.dim


class TokenEncoder(Encoder):
    """An encoder that sees an image as a sequence of patches, so that some of them can be left out (MAE).

    `forward(image) == pool(encode(embed(image)))`.
    """

    patch_px: int
    n_prefix: ClassVar[int] = 1
    """Class tokens in front of the patch tokens in what `encode` returns."""

    def grid(self, image: Tensor) -> tuple[int, int]:
        """(B, C, H, W) -> (h, w), the number of patches along each side; T = h * w."""
        return image.shape[-2] // self.patch_px, image.shape[-1] // self.patch_px

    @abstractmethod
    def embed(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, T, D) patch tokens in row-major order, positions added, without class token."""

    @abstractmethod
    def encode(self, tokens: Tensor, keep: Tensor | None = None, grid: tuple[int, int] | None = None) -> Tensor:
        """(B, T', D) tokens -> (B, n_prefix + T', D) after all blocks and the final norm, class token first.

        Args:
            tokens: the patch tokens that are visible.
            keep: (B, T') int64, their places in the full grid; None where all T are there, in order.
            grid: (h, w) of the full image; None where it is the grid the encoder was built for.
        """


def _per_channel(value: float | tuple[float, ...], channels: int) -> Tensor:
    values = torch.tensor(value, dtype=torch.float32).reshape(-1)
    if len(values) != channels:
        values = values.mean().expand(channels).clone()
    return values.view(1, channels, 1, 1)
