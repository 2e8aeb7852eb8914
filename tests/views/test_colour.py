from dataclasses import fields, replace

import pytest
import torch
from torchvision.transforms import functional as TF

from selfsup.views.colour import draw_matrices, recolour
from selfsup.views.settings import ViewSettings

NEUTRAL = ViewSettings(**{
    field.name: {int: 16, float: 0.0}.get(field.type, (1.0, 1.0)) for field in fields(ViewSettings)
})  # fmt: skip
STILL = replace(NEUTRAL, hue_deg=(0.0, 0.0), colour_p=1.0)


def recoloured(settings, image):
    return recolour(image, draw_matrices(settings, len(image), image.device))


@pytest.fixture
def image():
    torch.manual_seed(0)
    return 0.2 + 0.4 * torch.rand(3, 3, 8, 8)  # far enough from 0 and 1 that torchvision does not clip


def test_neutral_jitter_changes_nothing(image):
    torch.testing.assert_close(recoloured(STILL, image), image)
    torch.testing.assert_close(recoloured(replace(STILL, colour_p=0.0, brightness=(9.0, 9.0)), image), image)


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_factors_are_those_of_torchvision(image, factor):
    span = (factor, factor)
    close = {"atol": 2e-4, "rtol": 0}  # torchvision writes 0.2989 for 0.299
    bright = recoloured(replace(STILL, brightness=span), image)
    torch.testing.assert_close(bright, TF.adjust_brightness(image, factor), **close)
    contrast = torch.stack([TF.adjust_contrast(one, factor) for one in image])
    torch.testing.assert_close(recoloured(replace(STILL, contrast=span), image), contrast, **close)
    saturation = TF.adjust_saturation(image, factor)
    torch.testing.assert_close(recoloured(replace(STILL, saturation=span), image), saturation, **close)


def test_steps_compose_as_one_after_the_other(image):
    both = recoloured(replace(STILL, brightness=(1.2, 1.2), contrast=(0.8, 0.8), hue_deg=(30.0, 30.0)), image)
    chain = recoloured(replace(STILL, brightness=(1.2, 1.2)), image)
    chain = recoloured(replace(STILL, contrast=(0.8, 0.8)), chain)
    torch.testing.assert_close(both, recoloured(replace(STILL, hue_deg=(30.0, 30.0)), chain))


def test_hue_turns_the_channels_and_keeps_grey(image):
    torch.testing.assert_close(recoloured(replace(STILL, hue_deg=(120.0, 120.0)), image), image.roll(1, dims=1))
    turned = recoloured(replace(STILL, hue_deg=(40.0, 40.0)), image)
    torch.testing.assert_close(turned.mean(dim=1), image.mean(dim=1))


def test_grey_has_equal_channels_of_luminance(image):
    grey = recoloured(replace(STILL, colour_p=0.0, grey_p=1.0), image)
    torch.testing.assert_close(grey[:, 0], grey[:, 2])
    torch.testing.assert_close(grey, TF.rgb_to_grayscale(image, 3), atol=2e-4, rtol=0)


def test_reddening_dims_blue_most(image):
    red = recoloured(replace(STILL, colour_p=0.0, reddening_p=1.0, reddening_ebv_mag=(0.5, 0.5)), image)
    expected = torch.tensor([10 ** (-0.4844 / 2), 10 ** (-0.866 / 2), 10 ** (-1.2856 / 2)])
    torch.testing.assert_close(red / image, expected.view(1, 3, 1, 1).expand_as(image))


def test_each_image_draws_for_itself():
    torch.manual_seed(0)
    settings = replace(STILL, colour_p=0.5, brightness=(0.5, 1.5))
    matrix = draw_matrices(settings, 2000, torch.device("cpu"))
    factor = matrix[:, 0, 0]
    assert (factor == 1).float().mean() == pytest.approx(0.5, abs=0.05)
    assert factor[factor != 1].std() == pytest.approx(1 / 12**0.5, rel=0.1)
