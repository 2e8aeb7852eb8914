"""Restore a noisy galaxy, and tell it from all others by two noisy views: a U-Net denoiser with a contrastive loss.

The system of the Galaxy Zoo: Hubble denoising project. A clean image gives two geometric views C1 and C2; noise makes
N1 and N2 of them; a U-Net predicts C from N. The loss is 1 - SSIM (Wang et al. 2004) inside the galaxy's mask, total
variation (Rudin, Osher & Fatemi 1992) and darkening outside it, and NT-Xent (Chen et al. 2020, arXiv:2002.05709,
equation 1) between the projections of N1 and N2. Only the outline of that project is public: the weights of the terms,
the noise and the masks are ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from lightly.loss.ntx_ent_loss import NTXentLoss
from lightly.models.modules.heads import SimCLRProjectionHead
from torch import Tensor

from selfsup.objectives.base import Objective
from selfsup.objectives.limits import COLDEST, refuse_outside
from selfsup.objectives.masks import GalaxyMasks, background_light, background_variation, foreground_ssim
from selfsup.objectives.noise import DetectorNoise
from selfsup.objectives.precision import widen
from selfsup.objectives.unet import UNetDecoder, seen, sees_embedding
from selfsup.types import Batch, ConfigError, Loss

if TYPE_CHECKING:
    from selfsup.encoders.base import Encoder
    from selfsup.types import Views


class Denoise(Objective):
    """Noisy image -> image without noise and sky, and an embedding that knows its galaxy under any noise.

    Every term is a mean over galaxies, NT-Xent over those of all processes: with equally many galaxies on each, the
    mean of their losses is the loss of one process with all of them.
    """

    views: ClassVar[dict[str, tuple[int, int]]] = {"global": (2, 2)}

    def __init__(  # noqa: PLR0913  (one key per number, so that each can be swept and is checked by name)
        self,
        encoder: Encoder,
        *,
        poisson_electrons: Sequence[float] | None,
        gaussian_sigma: Sequence[float],
        mask_threshold_sigmas: float,
        mask_smoothing_px: float,
        mask_centre_share: float,
        mask_dilation_px: int,
        decoder_dim: int,
        decoder_depth: int,
        ssim_window_px: int,
        foreground_weight: float,
        variation_weight: float,
        darkness_weight: float,
        contrast_weight: float,
        temperature: float,
        hidden_dim: int | None,
        output_dim: int,
        batch_norm: bool,
    ) -> None:
        """Build decoder and projector.

        Args:
            encoder: of maps (all of its pyramid goes to the decoder) or of tokens (the last map).
            poisson_electrons: of the shot noise, see `DetectorNoise`; None for none.
            gaussian_sigma: of the read-out noise, see there.
            mask_threshold_sigmas: of the galaxy's mask, see `GalaxyMasks`; so the next three.
            mask_smoothing_px: see there.
            mask_centre_share: see there.
            mask_dilation_px: see there.
            decoder_dim: width of the decoder at the coarsest map, halved at each finer scale.
            decoder_depth: convolutions at each map.
            ssim_window_px: edge of the Gaussian window of the SSIM, odd; its sigma is 1.5 pixels.
            foreground_weight: weight of 1 - SSIM inside the mask, which is between 0 and 2.
            variation_weight: weight of the mean step between neighbours outside the mask, in units of brightness.
            darkness_weight: weight of the mean brightness outside the mask.
            contrast_weight: weight of NT-Xent.
            temperature: divides the cosine similarities of NT-Xent, above 0.
            hidden_dim: width of the projector's hidden layer; None for the width of the embedding.
            output_dim: width of the projection.
            batch_norm: BatchNorm in the projector.

        Raises:
            ConfigError: a range, a width or a weight that cannot be.
        """
        super().__init__(encoder)
        hidden_dim = encoder.dim if hidden_dim is None else hidden_dim
        refuse_outside(1, math.inf, hidden_dim=hidden_dim, output_dim=output_dim)
        refuse_outside(COLDEST, math.inf, temperature=temperature)
        self.noise = DetectorNoise(poisson_electrons, gaussian_sigma)
        self.masks = GalaxyMasks(mask_threshold_sigmas, mask_smoothing_px, mask_centre_share, mask_dilation_px)
        self.ssim_window_px = ssim_window_px
        self.weights = _weights(
            foreground=foreground_weight,
            variation=variation_weight,
            darkness=darkness_weight,
            contrast=contrast_weight,
        )
        self.decoder = UNetDecoder(encoder, decoder_dim, decoder_depth)
        self.projector = SimCLRProjectionHead(encoder.dim, hidden_dim, output_dim, batch_norm=batch_norm)
        self.criterion = NTXentLoss(temperature=temperature, gather_distributed=True)
        self._one_pass = sees_embedding(encoder)

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """Weighted sum of the four terms of two clean views (B, C, H, W) per galaxy, to which noise is added here.

        Logs each term, and the foreground SSIM of the noisy input and of what is made of it.

        Raises:
            ConfigError: images smaller than the window of the SSIM.
        """
        del batch, progress
        clean = torch.cat(views["global"])
        mask, noisy = self.masks(clean), self.noise(clean)
        embedding, maps = seen(self.encoder, noisy)
        restored = self.decoder(maps, noisy)
        first, second = self.projector(embedding if self._one_pass else self.encoder(noisy)).chunk(2)
        with torch.autocast(clean.device.type, enabled=False):
            terms = self._restoration(restored, clean, mask)
            terms["contrast"] = self.criterion(widen(first), widen(second))
            total = torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()
        log = {name: term.detach() for name, term in terms.items()}
        with torch.no_grad():
            log["ssim_noisy"] = foreground_ssim(noisy, clean, mask, self.ssim_window_px).mean()
        return Loss(total, log | {"ssim_denoised": 1 - log["foreground"]})

    def clean(self, image: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] -> the galaxies without noise and sky, (B, C, H, W) in [0, 1]."""
        _, maps = seen(self.encoder, image)
        restored: Tensor = self.decoder(maps, image)
        return restored.clamp(0, 1)

    def _restoration(self, restored: Tensor, clean: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """(N, C, H, W) twice, (N, H, W) -> name of the term -> (), its mean over the images."""
        return {
            "foreground": 1 - foreground_ssim(restored, clean, mask, self.ssim_window_px).mean(),
            "variation": background_variation(restored, mask).mean(),
            "darkness": background_light(restored, mask).mean(),
        }


def _weights(**weights: float) -> dict[str, float]:
    """The weights of the terms, none of which may be negative, nor all be 0."""
    refuse_outside(0, math.inf, **{f"{name}_weight": weight for name, weight in weights.items()})
    if not any(weights.values()):
        raise ConfigError("objective.foreground_weight: all weights are 0; write 1.0")
    return weights
