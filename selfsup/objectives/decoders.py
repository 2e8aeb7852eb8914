"""From what an encoder saw of an image back to all its pixels: a decoder for tokens, and one for maps.

He et al. 2021, arXiv:2111.06377, section 3 (tokens). Maps grow by sub-pixel convolution (Shi et al. 2016,
arXiv:1609.05158).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from timm.layers import build_sincos2d_pos_embed
from timm.models.vision_transformer import Block
from torch import Tensor, nn
from torch.nn import functional as F

from selfsup.encoders.base import Encoder, TokenEncoder
from selfsup.objectives.patches import cover, patchify, places, take
from selfsup.types import ConfigError

T = TypeVar("T")
TRIAL_PX = 128
"""Edge of the image on which an encoder of maps is tried out."""


class TokenDecoder(nn.Module):
    """Visible tokens -> all patches: mask tokens where nothing was seen, fixed 2-D sin-cos positions, a few blocks."""

    def __init__(self, encoder: TokenEncoder, dim: int, depth: int, heads: int) -> None:
        """Build the decoder; the arguments are those of `MAE` that begin with `decoder_`."""
        super().__init__()
        if dim % heads or dim % 4:
            raise ConfigError(f"objective.decoder_dim {dim} must be a multiple of 4 and of decoder_heads {heads}")
        self.narrow = nn.Linear(encoder.dim, dim)
        self.mask_token = nn.Parameter(torch.empty(1, 1, dim))
        self.blocks = nn.ModuleList(Block(dim, heads, qkv_bias=True) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self.to_pixels = nn.Linear(dim, encoder.patch_px**2 * channels_of(encoder))
        self.apply(_xavier)
        nn.init.normal_(self.mask_token, std=0.02)

    def forward(self, encoder: TokenEncoder, image: Tensor, hidden: Tensor) -> Tensor:
        """Image (B, C, H, W), hidden (B, T) -> pixels of each patch (B, T, P * P * C)."""
        grid = encoder.grid(image)
        keep = places(~hidden)
        visible = take(encoder.embed(image), keep)
        encoded = self.narrow(encoder.encode(visible, keep, grid))
        prefix, seen = encoded[:, : encoder.n_prefix], encoded[:, encoder.n_prefix :]
        tokens = seen.new_zeros(*hidden.shape, seen.shape[-1])
        tokens = tokens.scatter(1, keep[..., None].expand_as(seen), seen)
        tokens = torch.where(hidden[..., None], self.mask_token, tokens)
        tokens = tokens + build_sincos2d_pos_embed(list(grid), tokens.shape[-1], device=tokens.device).to(tokens.dtype)
        tokens = torch.cat([prefix, tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        pixels: Tensor = self.to_pixels(self.norm(tokens[:, encoder.n_prefix :]))
        return pixels


class MapDecoder(nn.Module):
    """Feature map -> all patches: convolutions at the map's own scale, then doublings until the image is reached."""

    def __init__(self, encoder: Encoder, dim: int, depth: int, patch_px: int) -> None:
        """Build the decoder; the arguments are those of `MAE`."""
        super().__init__()
        self.patch_px = patch_px
        doublings = math.ceil(math.log2(_stride(encoder)))
        if dim < 2**doublings:
            raise ConfigError(f"objective.decoder_dim {dim} is halved {doublings} times; write at least {2**doublings}")
        layers: list[nn.Module] = [nn.Conv2d(encoder.dim, dim, 1)]
        layers += [_conv(dim, dim) for _ in range(depth)]
        for _ in range(doublings):
            layers += [_conv(dim, 4 * (dim // 2)), nn.PixelShuffle(2)]
            dim //= 2
        self.layers = nn.Sequential(*layers, nn.Conv2d(dim, channels_of(encoder), 3, padding=1))

    def forward(self, encoder: Encoder, image: Tensor, hidden: Tensor) -> Tensor:
        """Image (B, C, H, W), hidden (B, T) -> pixels of each patch (B, T, P * P * C)."""
        # The paint is what the encoder's normalisation turns into 0: it tells nothing of what is under it.
        pixels = self.layers(encoder.feature_map(cover(image, hidden, self.patch_px, encoder.mean)))
        if pixels.shape[-2:] != image.shape[-2:]:
            pixels = F.interpolate(pixels, size=image.shape[-2:], mode="bilinear", align_corners=False)
        return patchify(pixels, self.patch_px)


def channels_of(encoder: Encoder) -> int:
    """C of the images that the encoder takes."""
    return encoder.mean.shape[1]


@torch.no_grad()
def try_out(encoder: Encoder, function: Callable[[Tensor], T]) -> T:
    """What a function of the encoder says of one image, brightening from left to right, in evaluation mode.

    The image has TRIAL_PX, or two patches of an encoder of tokens, along each edge.
    """
    edge_px = 2 * encoder.patch_px if isinstance(encoder, TokenEncoder) else TRIAL_PX
    row = torch.linspace(0, 1, edge_px, dtype=encoder.mean.dtype, device=encoder.mean.device)
    was_training = encoder.training
    encoder.eval()
    found = function(row.repeat(1, channels_of(encoder), edge_px, 1))
    encoder.train(was_training)
    return found


def _stride(encoder: Encoder) -> int:
    """Pixels of the image per cell of the feature map."""
    return max(TRIAL_PX // try_out(encoder, encoder.feature_map).shape[-1], 1)


def _conv(width_in: int, width_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width_in, width_out, 3, padding=1), nn.GroupNorm(1, width_out), nn.GELU())


def _xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
