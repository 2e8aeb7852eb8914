"""timm's vision transformer as an encoder that can leave patches out; the embedding is its class token.

Dosovitskiy et al. 2021, arXiv 2010.11929, equations 1-4.
"""

import torch
from timm.layers import resample_abs_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from selfsup.encoders.base import Layer
from selfsup.encoders.transformer import Grid, PatchTransformer, require_tiling
from selfsup.encoders.zoo import create
from selfsup.types import ConfigError


class ViT(PatchTransformer):
    """A plain vision transformer with one class token and learned absolute positions."""

    def __init__(  # noqa: PLR0913  (one key per number, so that each can be swept and is checked by name)
        self,
        model: str,
        channels: int,
        image_size_px: int,
        patch_px: int,
        pretrained: bool,
        drop_path: float,
        *,
        dim: int | None = None,
        depth: int | None = None,
        heads: int | None = None,
    ) -> None:
        """Build the transformer.

        Args:
            model: timm's name, such as "vit_tiny_patch16_224"; it gives width, depth and heads.
            channels: C of the images.
            image_size_px: side of the images for which the positions are made; others are interpolated.
            patch_px: side of a patch; it overrides the one in the name.
            pretrained: start from timm's published weights, resized to the patch and the positions.
            drop_path: share of residual branches dropped in training, in [0, 1), growing from 0 with depth.
            dim: width; None is the model's, as for the next two.
            depth: blocks.
            heads: of attention, each `dim / heads` wide.

        Raises:
            ConfigError: the patch does not divide the image, heads not dim, or no such transformer or weights.
        """
        require_tiling(image_size_px, patch_px)
        net = _plain_transformer(
            model,
            pretrained,
            in_chans=channels,
            img_size=image_size_px,
            patch_size=patch_px,
            drop_path_rate=drop_path,
            embed_dim=dim,
            depth=depth,
            num_heads=heads,
        )
        super().__init__(channels, mean=net.pretrained_cfg["mean"], std=net.pretrained_cfg["std"])
        self.net = net
        self.dim, self.patch_px, self.depth = net.embed_dim, patch_px, len(net.blocks)

    def patches(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, T, D)."""
        patches: Tensor = self.net.patch_embed(image).flatten(1, 2)
        return patches

    def positions_on(self, grid: Grid) -> Tensor:
        """(1, T, D), interpolated as timm does."""
        old = list(self.net.patch_embed.grid_size)
        positions: Tensor = resample_abs_pos_embed(self.net.pos_embed, new_size=list(grid), old_size=old)
        return positions[:, 1:]

    def states(self, tokens: Tensor, keep: Tensor | None, grid: Grid | None, ends: set[int]) -> list[Tensor]:
        """(B, T', D) -> (B, 1 + T', D) after each of `ends`; tokens carry their positions: places are not needed."""
        del keep, grid
        first = (self.net.cls_token + self.net.pos_embed[:, :1]).expand(len(tokens), -1, -1)
        x = self.net.norm_pre(self.net.pos_drop(torch.cat([first.to(tokens.dtype), tokens], dim=1)))
        states = []
        for number, block in enumerate(self.net.blocks, start=1):
            x = block(x)
            if number in ends:
                states.append(self.net.norm(x))
        return states

    def by_depth(self) -> list[Layer]:
        """Patches and positions, then each block; the final norm is in none (He et al. 2021, fine-tuning code)."""
        net = self.net
        return [[net.patch_embed, net.cls_token, net.pos_embed, net.pos_drop, net.norm_pre], *([b] for b in net.blocks)]


def _plain_transformer(model: str, pretrained: bool, **options: float | None) -> VisionTransformer:
    """The timm transformer without classifier and pooling; ConfigError unless its tokens are as `encode` promises."""
    fixed = {"global_pool": "", "fc_norm": False, "dynamic_img_size": True}
    try:
        net = create(model, "vision_transformer", pretrained, **fixed, **options)
    except (AssertionError, ValueError) as error:  # how timm refuses numbers
        shape = f"dim={options['embed_dim']}, heads={options['num_heads']}"
        raise ConfigError(
            f"encoder: timm cannot build {model!r} with {shape} ({error}); heads must divide dim."
        ) from error
    plain = isinstance(net, VisionTransformer) and net.cls_token is not None and net.pos_embed is not None
    if not plain or net.num_prefix_tokens != 1 or net.no_embed_class:
        raise ConfigError(
            f"encoder.model: {model!r} has not exactly one class token with a position. Choose vit_tiny_patch16_224 "
            "or another plain transformer without registers."
        )
    return net
