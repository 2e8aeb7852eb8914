"""Hide most of a noisy image and predict its clean pixels: a masked autoencoder that also denoises.

He et al. 2021 (arXiv:2111.06377), section 3: an encoder of tokens sees the visible patches alone, a small decoder
predicts the pixels of the hidden ones, squared error on the hidden. Encoders of maps cannot leave patches out: for them
the hidden patches are painted over before the image goes in, as in SimMIM (Xie et al. 2022, arXiv:2111.09886).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from selfsup.encoders.base import Encoder, TokenEncoder
from selfsup.objectives.base import Objective
from selfsup.objectives.decoders import MapDecoder, TokenDecoder
from selfsup.objectives.noise import DetectorNoise
from selfsup.objectives.patches import cover, hidden_pixels, patchify, unpatchify
from selfsup.types import Batch, ConfigError, Loss

if TYPE_CHECKING:
    from selfsup.types import Views

VARIANCE_FLOOR = 1e-6
"""Added to a patch's variance before it divides (He et al.'s code)."""


class MAE(Objective):
    """Noisy, partly hidden image -> clean image. BatchNorm statistics are those of partly hidden images."""

    views: ClassVar[dict[str, tuple[int, int]]] = {"global": (1, 1)}
    remedies: ClassVar[dict[str, str]] = {"mask_share": "lower", "visible_weight": "higher"}

    def __init__(  # noqa: PLR0913  (one key per number, so that each can be swept and is checked by name)
        self,
        encoder: Encoder,
        *,
        mask_share: float,
        patch_px: int,
        decoder_dim: int,
        decoder_depth: int,
        decoder_heads: int,
        norm_pixels: bool,
        visible_weight: float,
        poisson_electrons: Sequence[float] | None,
        gaussian_sigma: Sequence[float],
    ) -> None:
        """Build the decoder that suits the encoder.

        Args:
            encoder: of tokens (hidden patches are left out) or of maps (they are painted over).
            mask_share: share of the patches that is hidden, in (0, 1).
            patch_px: edge of a patch in pixels; an encoder of tokens brings its own, then this is not read.
            decoder_dim: width of the decoder; with maps, at the map's scale, then halved at each doubling.
            decoder_depth: transformer blocks, or convolutions at the map's scale.
            decoder_heads: attention heads; with maps not read.
            norm_pixels: predict each patch with its own mean and spread removed.
            visible_weight: weight of the error on the visible patches (0: the paper); what makes it a denoiser.
            poisson_electrons: of the shot noise, see `DetectorNoise`; None for none.
            gaussian_sigma: of the read-out noise, see there.

        Raises:
            ConfigError: a share, a range or a width that cannot be.
        """
        super().__init__(encoder)
        if not 0 < mask_share < 1:
            raise ConfigError(f"objective.mask_share is {mask_share}; write a share between 0 and 1 (He et al.: 0.75)")
        self.mask_share, self.norm_pixels, self.visible_weight = mask_share, norm_pixels, visible_weight
        self._add_noise = DetectorNoise(poisson_electrons, gaussian_sigma)
        self.decoder: TokenDecoder | MapDecoder
        if isinstance(encoder, TokenEncoder):
            self.patch_px = encoder.patch_px
            self.decoder = TokenDecoder(encoder, decoder_dim, decoder_depth, decoder_heads)
        else:
            self.patch_px = patch_px
            self.decoder = MapDecoder(encoder, decoder_dim, decoder_depth, patch_px)

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """Mean squared error of the hidden patches, plus `visible_weight` times that of the visible ones."""
        del batch, progress
        clean = self._crop(views["global"][0])
        hidden = self._hide(clean)
        prediction = self.decoder(self.encoder, self._add_noise(clean), hidden)
        target, _, _ = self._target(clean)
        error = (prediction.to(target.dtype) - target).square().mean(-1)
        on_hidden = (error * hidden).sum() / hidden.sum()
        on_visible = (error * ~hidden).sum() / (~hidden).sum()
        log = {"hidden": on_hidden.detach(), "visible": on_visible.detach()}
        return Loss(on_hidden + self.visible_weight * on_visible, log)

    def reconstruct(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, C, H, W) -> noisy input with hidden patches painted over, hidden (B, H, W) bool, prediction in [0, 1].

        All are cut to whole patches. With `norm_pixels` the true mean and spread of each patch are put back.
        """
        clean = self._crop(image)
        hidden, noisy = self._hide(clean), self._add_noise(clean)
        _, mean, std = self._target(clean)
        patches = self.decoder(self.encoder, noisy, hidden).to(clean.dtype) * std + mean
        h, w = clean.shape[-2] // self.patch_px, clean.shape[-1] // self.patch_px
        prediction = unpatchify(patches, (h, w), self.patch_px).clamp(0, 1)
        shown = cover(noisy, hidden, self.patch_px, self.encoder.mean)
        return shown, hidden_pixels(hidden, (h, w), self.patch_px), prediction

    def _crop(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> the part that whole patches cover.

        Raises:
            ConfigError: it holds fewer than two patches.
        """
        h, w = image.shape[-2] // self.patch_px, image.shape[-1] // self.patch_px
        if h * w < 2:
            size = tuple(image.shape[-2:])
            raise ConfigError(
                f"images of {size} px hold {h * w} patches of {self.patch_px} px; lower objective.patch_px"
            )
        return image[..., : h * self.patch_px, : w * self.patch_px]

    def _hide(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, T) bool, the same number of patches hidden in each image, at least one and not all."""
        t = (image.shape[-2] // self.patch_px) * (image.shape[-1] // self.patch_px)
        number = min(max(round(self.mask_share * t), 1), t - 1)
        order = torch.rand(len(image), t, device=image.device).argsort(dim=1)
        hidden = torch.zeros(len(image), t, dtype=torch.bool, device=image.device)
        return hidden.scatter(1, order[:, :number], True)

    def _target(self, clean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, C, H, W) -> what is to be predicted (B, T, P * P * C), and the mean and spread that were removed."""
        patches = patchify(clean, self.patch_px)
        if not self.norm_pixels:
            return patches, torch.zeros_like(patches[..., :1]), torch.ones_like(patches[..., :1])
        mean = patches.mean(-1, keepdim=True)
        std = (patches.var(-1, keepdim=True) + VARIANCE_FLOOR).sqrt()
        return (patches - mean) / std, mean, std
