"""What the atmosphere, the detector and the reduction do to a galaxy: a wider PSF, sky noise, a blanked square.

PSF and noise as in Stein et al. 2021 (arXiv 2110.13151, section 3), erasing as in Zhong et al. 2020 (Random Erasing),
solarisation as in Grill et al. 2020 (BYOL, appendix B). Each function touches only the images that are drawn for it.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from selfsup.views.draw import chosen, normal, uniform
from selfsup.views.settings import ViewSettings


def widen_psf(settings: ViewSettings, image: Tensor) -> Tensor:
    """(B, C, H, W) -> the same, in place, with a share `blur_p` of the images blurred."""
    if not settings.blur_p or not settings.blur_sigma_px[1]:
        return image
    drawn = chosen(settings.blur_p, len(image), image.device)
    sigma = uniform(settings.blur_sigma_px, len(drawn), image.device)
    if len(drawn):  # a convolution of no groups is an error
        image[drawn] = blur(image[drawn], sigma, radius_px=math.ceil(3 * settings.blur_sigma_px[1]))
    return image


def blur(image: Tensor, sigma: Tensor, radius_px: int) -> Tensor:
    """(B, C, H, W), (B,) sigma in pixels -> each image convolved with its own Gaussian, the sky mirrored at the edges.

    Args:
        image: the images.
        sigma: width of each image's Gaussian; below 0.05 pixels nothing happens.
        radius_px: where the Gaussians are cut, the same for all; less where the images are smaller.
    """
    count, channels, height, width = image.shape
    radius = min(radius_px, height - 1, width - 1)
    kernel = _gaussians(sigma.clamp(min=0.05), radius).repeat_interleave(channels, dim=0)
    # Every plane is a channel of one image, convolved with its own kernel along x, then along y.
    planes = F.pad(image, (radius,) * 4, mode="reflect").flatten(0, 1).unsqueeze(0)
    planes = F.conv2d(planes, kernel[:, None, None, :], groups=count * channels)
    return F.conv2d(planes, kernel[:, None, :, None], groups=count * channels).view_as(image)


def _gaussians(sigma: Tensor, radius: int) -> Tensor:
    """(B,) in pixels -> (B, 2 radius + 1), each of sum 1."""
    place = torch.arange(-radius, radius + 1, device=sigma.device)
    weight = torch.exp(-0.5 * (place / sigma[:, None]) ** 2)
    return weight / weight.sum(dim=1, keepdim=True)


def add_noise(settings: ViewSettings, image: Tensor) -> Tensor:
    """(B, C, H, W) -> the same, in place, with white noise on a share `noise_p` of the images; not yet clipped."""
    if not settings.noise_p or not settings.noise_sigma[1]:
        return image
    drawn = chosen(settings.noise_p, len(image), image.device)
    sigma = uniform(settings.noise_sigma, len(drawn), image.device)
    noise = normal((len(drawn), *image.shape[1:]), image.device)
    return image.index_add_(0, drawn, noise.mul_(sigma.view(-1, 1, 1, 1)))


def solarize(settings: ViewSettings, image: Tensor) -> Tensor:
    """(B, C, H, W) in [0, 1] -> the same, in place; in drawn images values of one half and more become 1 - value."""
    if not settings.solarize_p:
        return image
    drawn = chosen(settings.solarize_p, len(image), image.device)
    picked = image[drawn]
    image[drawn] = torch.where(picked < 0.5, picked, 1 - picked)
    return image


def erase(settings: ViewSettings, image: Tensor) -> Tensor:
    """(B, C, H, W) -> the same, in place; in drawn images a square anywhere inside is as dark as the sky, 0."""
    if not settings.erase_p or not settings.erase_share[1]:
        return image
    height, width = image.shape[-2:]
    drawn = chosen(settings.erase_p, len(image), image.device)
    edge = uniform(settings.erase_share, len(drawn), image.device).sqrt()
    inside = _span(edge, height).unsqueeze(2) & _span(edge, width).unsqueeze(1)
    image[drawn] = image[drawn].masked_fill(inside.unsqueeze(1), 0.0)
    return image


def _span(share: Tensor, edge: int) -> Tensor:
    """(B,) -> (B, edge) bool: a stretch of that share of the edge, placed at random inside it."""
    start = torch.rand(len(share), device=share.device) * (1 - share)
    place = (torch.arange(edge, device=share.device) + 0.5) / edge
    return (place >= start[:, None]) & (place < (start + share)[:, None])
