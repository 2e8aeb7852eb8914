"""Views have the distribution of kornia's chain of single steps: for the same settings, the same moments."""

from dataclasses import replace

import kornia.augmentation as K
import pytest
import torch
from kornia.constants import Resample
from torch.nn import functional as F

from selfsup.views.galaxy import GalaxyView
from selfsup.views.settings import ViewSettings

ONE, NONE, PX, COUNT = (1.0, 1.0), (0.0, 0.0), 32, 2000
STILL = ViewSettings(
    size_px=PX, size_share=1.0, area_share=ONE, aspect=ONE, place=NONE, rotation_deg=NONE, hflip_p=0, vflip_p=0,
    zoom=ONE, shift_share=NONE, blur_p=0, blur_sigma_px=NONE, noise_p=0, noise_sigma=NONE,
    reddening_p=0, reddening_ebv_mag=NONE, colour_p=0, brightness=ONE, contrast=ONE, saturation=ONE, hue_deg=NONE,
    grey_p=0, solarize_p=0, erase_p=0, erase_share=NONE,
)  # fmt: skip
SIMILAR = {
    "rotation": (
        {"rotation_deg": (-180.0, 180.0)},
        [K.RandomRotation((-180.0, 180.0), p=1.0)],
    ),
    "crop": (
        {"area_share": (0.25, 1.0), "aspect": (0.9, 1.1), "place": (-1.0, 1.0)},
        [K.RandomResizedCrop((PX, PX), scale=(0.25, 1.0), ratio=(0.9, 1.1), resample=Resample.BILINEAR)],
    ),
    "zoom and shift": (
        {"zoom": (0.9, 1.1), "shift_share": (-0.1, 0.1)},
        [K.RandomAffine(0.0, translate=(0.1, 0.1), scale=(0.9, 1.1), p=1.0)],
    ),
    "flips": (
        {"hflip_p": 0.5, "vflip_p": 0.3},
        [K.RandomHorizontalFlip(p=0.5), K.RandomVerticalFlip(p=0.3)],
    ),
    "blur": (
        {"blur_p": 0.5, "blur_sigma_px": (0.1, 1.5)},
        [K.RandomGaussianBlur((11, 11), (0.1, 1.5), p=0.5)],
    ),
    "noise": (
        {"noise_p": 0.5, "noise_sigma": (0.05, 0.05)},
        [K.RandomGaussianNoise(std=0.05, p=0.5)],
    ),
    "brightness and contrast": (
        {"colour_p": 0.8, "brightness": (0.8, 1.2), "contrast": (0.8, 1.2)},
        [K.ColorJitter((0.8, 1.2), (0.8, 1.2), p=0.8)],
    ),
    "saturation and grey": (
        {"colour_p": 0.8, "saturation": (0.6, 1.4), "grey_p": 0.2},
        [K.ColorJitter(saturation=(0.6, 1.4), p=0.8), K.RandomGrayscale(p=0.2)],
    ),
}  # fmt: skip


GEOMETRY = ("rotation", "zoom and shift")
"""On a black sky: outside the frame kornia finds 0, where our sky is mirrored."""


def galaxies(sky):
    """A lopsided, coloured blob, far from edges and from white: nothing is clipped. (COUNT, 3, PX, PX), all one."""
    x = torch.linspace(-1, 1, PX)
    y = x[:, None]
    disk = torch.exp(-12 * (x**2 + 3 * (y - 0.3 * x) ** 2)) + 0.5 * torch.exp(-40 * ((x - 0.3) ** 2 + (y + 0.2) ** 2))
    image = sky + disk * torch.tensor([0.3, 0.22, 0.15]).view(3, 1, 1)
    return image.expand(COUNT, 3, PX, PX).contiguous()


def summaries(views, sky):
    """(N, C, H, W) -> (N, 9): mean colours, spread, place and reach of the light, grain, colourfulness."""
    light = (views - sky).mean(dim=1)
    x = torch.linspace(-1, 1, PX)
    total = light.sum(dim=(1, 2)).clamp(min=1e-6)
    places = [(light * weight).sum(dim=(1, 2)) / total for weight in (x, x[:, None], x**2 + x[:, None] ** 2)]
    grain = F.avg_pool2d(views, 2).sub(views[:, :, ::2, ::2]).std(dim=(1, 2, 3))
    colour = views.std(dim=1).mean(dim=(1, 2))
    return torch.stack([*views.mean(dim=(2, 3)).T, views.std(dim=(1, 2, 3)), *places, grain, colour], dim=1)


@pytest.mark.parametrize("name", SIMILAR)
def test_moments_are_those_of_kornias_chain(name):
    changes, steps = SIMILAR[name]
    sky = 0.0 if name in GEOMETRY else 0.3
    torch.manual_seed(0)
    (ours,) = GalaxyView(replace(STILL, **changes))(galaxies(sky), copies=1)
    theirs = K.AugmentationSequential(*steps, data_keys=["input"])(galaxies(sky))
    a, b = summaries(ours, sky), summaries(theirs, sky)
    floor = 1e-3  # below it, differences are of rounding and of the sampling's half pixels
    assert ((a.mean(0) - b.mean(0)).abs() / (b.std(0) + floor)).max() < 0.2
    ratio = (a.std(0) + floor) / (b.std(0) + floor)
    assert ratio.min() > 0.8
    assert ratio.max() < 1.25
