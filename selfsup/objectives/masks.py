"""Where the galaxy is: pixels that stand out of the sky and hang together with the centre; and means in and out of it.

Detection after SExtractor (Bertin & Arnouts 1996, A&AS 117, 393): smooth, threshold over the sky's clipped scatter,
keep what is 8-connected. SSIM: Wang et al. 2004 (IEEE Trans. Image Process. 13, 600), equation 13.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from kornia.contrib import connected_components_union_find
from kornia.filters import gaussian_blur2d
from kornia.metrics import ssim
from kornia.morphology import dilation
from torch import Tensor

from selfsup.objectives.limits import refuse_outside
from selfsup.objectives.precision import widen
from selfsup.types import ConfigError

STEP = 1 / 255
"""Grey level of an 8-bit image: where it is exactly flat, its scatter is still not known to be less."""
_CLIP_SIGMAS, _CLIP_ROUNDS = 3.0, 3
_SIGMA_PER_MAD = 1.4826
"""Standard deviation of a Gaussian over its median absolute deviation."""


@dataclass(frozen=True)
class GalaxyMasks:
    """Finds the galaxy in the middle of each image. Draws nothing and learns nothing.

    Args:
        threshold_sigmas: how far a pixel stands out of the sky, in units of the smoothed sky's scatter.
        smoothing_px: sigma of the Gaussian in front of the threshold, pixels; 0 for none.
        centre_share: edge of the central square in which the galaxy's brightest pixel is looked for, share of the
            image's.
        dilation_px: radius by which the mask grows, pixels.

    Raises:
        ConfigError: a number that cannot be.
    """

    threshold_sigmas: float
    smoothing_px: float
    centre_share: float
    dilation_px: int

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        refuse_outside(0, math.inf, mask_threshold_sigmas=self.threshold_sigmas, mask_smoothing_px=self.smoothing_px)
        refuse_outside(0, math.inf, mask_dilation_px=self.dilation_px)
        refuse_outside(0, 1, mask_centre_share=self.centre_share)

    @torch.no_grad()
    def __call__(self, image: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] -> (B, H, W) bool, at least the brightest central pixel and what is around it."""
        with torch.autocast(image.device.type, enabled=False):
            light, above = self._above(image)
            # Exact whatever the shape; kornia's pooling algorithm cuts a long spiral arm where its iterations end.
            part = connected_components_union_find(above.view_as(light)).flatten(1)
            seed = self._brightest(light)
            galaxy = above & (part == part.gather(1, seed))
            return self._grown(galaxy.scatter(1, seed, True).view_as(light))

    @torch.no_grad()
    def everything(self, image: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] -> (B, H, W) bool, whatever stands out: the galaxy, others, stars; the rest is sky."""
        with torch.autocast(image.device.type, enabled=False):
            light, above = self._above(image)
            return self._grown(above.view_as(light))

    def _above(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> smoothed light (B, 1, H, W), and where it stands out of the sky (B, H * W) bool."""
        light = self._smooth(widen(image).mean(1, keepdim=True))
        level, scatter = sky(light.flatten(1))
        return light, light.flatten(1) > level + self.threshold_sigmas * scatter

    def _grown(self, found: Tensor) -> Tensor:
        """(B, 1, H, W) bool -> (B, H, W) bool."""
        light = found.to(torch.get_default_dtype())
        grown: Tensor = dilation(light, self._disc(light))
        return grown[:, 0] > 0

    def _smooth(self, light: Tensor) -> Tensor:
        radius = min(math.ceil(3 * self.smoothing_px), light.shape[-2] - 1, light.shape[-1] - 1)
        if radius == 0:
            return light
        size, sigma = 2 * radius + 1, self.smoothing_px
        smooth: Tensor = gaussian_blur2d(light, (size, size), (sigma, sigma), border_type="reflect")
        return smooth

    def _brightest(self, light: Tensor) -> Tensor:
        """(B, 1, H, W) -> (B, 1) int64, place of the brightest pixel of the central square in the flat image."""
        top, left = (_margin(edge, self.centre_share) for edge in light.shape[-2:])
        middle = torch.full_like(light, -math.inf)
        inside = (..., slice(top, light.shape[-2] - top), slice(left, light.shape[-1] - left))
        middle[inside] = light[inside]
        return middle.flatten(1).argmax(1, keepdim=True)

    def _disc(self, light: Tensor) -> Tensor:
        offset = torch.arange(-self.dilation_px, self.dilation_px + 1, device=light.device)
        return (offset[:, None] ** 2 + offset**2 <= self.dilation_px**2).to(light.dtype)


def sky(light: Tensor) -> tuple[Tensor, Tensor]:
    """(B, N) -> the sky's level and scatter, each (B, 1): median and scaled median deviation of what clipping leaves.

    The scatter is one grey level of an 8-bit image at least.
    """
    kept = light
    for _ in range(_CLIP_ROUNDS):
        level = kept.nanmedian(1, keepdim=True).values
        deviation = (light - level).abs()
        spread = torch.where(kept.isnan(), torch.nan, deviation).nanmedian(1, keepdim=True).values
        scatter = (_SIGMA_PER_MAD * spread).clamp(min=STEP)
        kept = torch.where(deviation > _CLIP_SIGMAS * scatter, torch.nan, light)
    return level, scatter


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """(B, H, W) and bool (B, H, W) -> (B,) mean of the values inside the mask, 0 where it is empty."""
    return (values * mask).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)


def foreground_ssim(first: Tensor, second: Tensor, mask: Tensor, window_px: int) -> Tensor:
    """Two (B, C, H, W) in [0, 1], bool (B, H, W) -> (B,) mean over channels of the SSIM at the places inside the mask.

    Of both images what is outside the mask is black. Windows reach over the mask's edge, and a perfect galaxy on a
    darkened sky would not be 1: over 128 galaxies of the Galaxy Challenge at 64 pixels it was 0.96.

    A place counts if its whole window lies inside the image (padding "valid"): the `window_px // 2` outermost pixels
    have no place, but a say in those of others. In at least float32.

    Raises:
        ConfigError: a window that has no centre or does not fit into the image.
    """
    if window_px < 3 or window_px % 2 == 0 or window_px > min(mask.shape[1:]):
        size = " x ".join(map(str, mask.shape[1:]))
        raise ConfigError(
            f"objective.ssim_window_px: {window_px} px for images of {size} px; write an odd number, 3 to their edge"
        )
    with torch.autocast(first.device.type, enabled=False):
        alone = (widen(image) * mask[:, None] for image in (first, second))
        similarity = ssim(*alone, window_px, max_val=1.0, padding="valid").mean(1)
    edge = window_px // 2
    return masked_mean(similarity, mask[:, edge:-edge, edge:-edge])


def background_variation(image: Tensor, mask: Tensor) -> Tensor:
    """(B, C, H, W), bool (B, H, W) -> (B,) mean absolute step down plus across, between neighbours outside the mask.

    As kornia's `total_variation(reduction="mean")`, which knows no mask.
    """
    outside = ~mask
    down = masked_mean(image.diff(dim=2).abs().mean(1), outside[:, 1:] & outside[:, :-1])
    across = masked_mean(image.diff(dim=3).abs().mean(1), outside[:, :, 1:] & outside[:, :, :-1])
    return down + across


def background_light(image: Tensor, mask: Tensor) -> Tensor:
    """(B, C, H, W), bool (B, H, W) -> (B,) mean distance from black outside the mask, on either side of it."""
    return masked_mean(image.abs().mean(1), ~mask)


def background_scatter(image: Tensor, mask: Tensor) -> Tensor:
    """(B, C, H, W), bool (B, H, W) -> (B,) noise of a pixel outside the mask, by how far neighbours differ.

    Root mean square step over the square root of 2, the standard deviation of white noise (von Neumann 1941,
    doi:10.1214/aoms/1177731677): what changes slowly, such as a galaxy's faint outskirts, hardly counts.
    """
    outside = ~mask
    down = masked_mean(image.diff(dim=2).square().mean(1), outside[:, 1:] & outside[:, :-1])
    across = masked_mean(image.diff(dim=3).square().mean(1), outside[:, :, 1:] & outside[:, :, :-1])
    return ((down + across) / 4).sqrt()


def _margin(edge: int, share: float) -> int:
    """Pixels on either side of the middle part of an edge, at least one of which is left."""
    return (edge - max(1, round(share * edge))) // 2
