"""timm's vision transformer as an encoder that can leave patches out; the embedding is its class token.

Dosovitskiy et al. 2021, arXiv 2010.11929, equations 1-4. The pyramid resizes the sequence of several blocks as a
simple feature pyramid does (Li et al. 2022, ViTDet, arXiv 2203.16527), but without parameters.
"""

import difflib
import math

import timm
import torch
from timm.layers import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from torch.nn import functional as F

from selfsup.encoders.base import TokenEncoder
from selfsup.types import ConfigError


class ViT(TokenEncoder):
    """A plain vision transformer with one class token and learned absolute positions."""

    def __init__(
        self, model: str, channels: int, image_size_px: int, patch_px: int, pretrained: bool, drop_path: float
    ) -> None:
        """Build the transformer.

        Args:
            model: timm's name, such as "vit_tiny_patch16_224"; it gives width, depth and heads.
            channels: C of the images.
            image_size_px: side of the images for which the positions are made; others are interpolated.
            patch_px: side of a patch; it overrides the one in the name.
            pretrained: start from timm's published weights, resized to the patch and the positions.
            drop_path: share of residual branches dropped in training, in [0, 1), growing from 0 with depth.

        Raises:
            ConfigError: the patch does not divide the image, or no such transformer or weights.
        """
        if image_size_px % patch_px:
            raise ConfigError(
                f"encoder.patch_px: {patch_px} px patches do not tile images of {image_size_px} px. "
                "Choose a divisor, or another data.size_px."
            )
        net = _create(
            model,
            pretrained=pretrained,
            in_chans=channels,
            img_size=image_size_px,
            patch_size=patch_px,
            drop_path_rate=drop_path,
        )
        super().__init__(channels, mean=net.pretrained_cfg["mean"], std=net.pretrained_cfg["std"])
        self.net = net
        self.dim: int = net.embed_dim
        self.patch_px = patch_px

    def embed(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, T, D) patch tokens with positions, interpolated where the grid is another.

        Raises:
            ValueError: H or W is not a multiple of the patch.
        """
        grid = self.grid(image)
        if image.shape[-2:] != (grid[0] * self.patch_px, grid[1] * self.patch_px):
            raise ValueError(f"images of {tuple(image.shape[-2:])} px are not whole patches of {self.patch_px} px")
        patches: Tensor = self.net.patch_embed(self.normalize(image)).flatten(1, 2)
        positions = resample_abs_pos_embed(
            self.net.pos_embed, new_size=list(grid), old_size=list(self.net.patch_embed.grid_size)
        )
        return torch.add(patches, positions[:, 1:])

    def encode(self, tokens: Tensor, keep: Tensor | None = None, grid: tuple[int, int] | None = None) -> Tensor:
        """(B, T', D) -> (B, 1 + T', D), class token first; tokens carry their positions, so places are not needed."""
        del keep, grid
        return self._run(tokens, {len(self.net.blocks)})[0]

    def feature_map(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D, h, w), the patch tokens after the final norm."""
        return _to_map(self.encode(self.embed(image)), self.grid(image))

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> maps of stride >= 2 px up to the patch's, from evenly spaced blocks; last the feature map."""
        levels, depth = int(math.log2(self.patch_px)), len(self.net.blocks)
        ends = [math.ceil(depth * (level + 1) / levels) for level in range(levels)] or [depth]
        states = dict(zip(sorted(set(ends)), self._run(self.embed(image), set(ends)), strict=True))
        maps = [_to_map(states[end], self.grid(image)) for end in ends]
        return [_enlarge(each, 2 ** (len(maps) - 1 - level)) for level, each in enumerate(maps)]

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D), the class token."""
        return self.encode(self.embed(image))[:, 0]

    def _run(self, tokens: Tensor, ends: set[int]) -> list[Tensor]:
        """(B, T', D) -> for each number of blocks in `ends`, ascending, (B, 1 + T', D) after them and the norm."""
        first = (self.net.cls_token + self.net.pos_embed[:, :1]).expand(len(tokens), -1, -1)
        x = self.net.norm_pre(self.net.pos_drop(torch.cat([first.to(tokens.dtype), tokens], dim=1)))
        states = []
        for number, block in enumerate(self.net.blocks, start=1):
            x = block(x)
            if number in ends:
                states.append(self.net.norm(x))
        return states


def _create(model: str, pretrained: bool, **options: float) -> VisionTransformer:
    """The timm transformer without classifier, or a ConfigError for what the configuration got wrong."""
    known = timm.list_models(module="vision_transformer")
    if model.partition(".")[0] not in known:  # a tag of the weights follows the dot
        near = difflib.get_close_matches(model, known, n=5, cutoff=0.5)
        raise ConfigError(f"encoder.model: {model!r} is no vit of timm. Nearest names: {', '.join(near) or 'none'}.")
    try:
        net = timm.create_model(
            model, pretrained=pretrained, num_classes=0, global_pool="", fc_norm=False, dynamic_img_size=True, **options
        )
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"encoder.model: timm could not provide {model!r} with pretrained={pretrained}: {error}. Check the name's "
            "tag and the network connection, or write encoder.pretrained=false."
        ) from error
    plain = isinstance(net, VisionTransformer) and net.cls_token is not None and net.pos_embed is not None
    if not plain or net.num_prefix_tokens != 1 or net.no_embed_class:
        raise ConfigError(
            f"encoder.model: {model!r} has not exactly one class token with a position. Choose vit_tiny_patch16_224 "
            "or another plain transformer without registers."
        )
    return net


def _to_map(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, 1 + T, D) -> (B, D, h, w)."""
    return tokens[:, 1:].transpose(1, 2).reshape(len(tokens), tokens.shape[-1], *grid)


def _enlarge(features: Tensor, factor: int) -> Tensor:
    """(B, D, h, w) -> (B, D, h * factor, w * factor)."""
    return features if factor == 1 else F.interpolate(features, scale_factor=factor, mode="bilinear")
