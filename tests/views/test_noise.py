from dataclasses import fields, replace

import pytest
import torch
from scipy.ndimage import gaussian_filter

from selfsup.views.noise import add_noise, blur, erase, solarize, widen_psf
from selfsup.views.settings import ViewSettings

OFF = ViewSettings(**{
    field.name: {int: 16, float: 0.0}.get(field.type, (0.0, 0.0)) for field in fields(ViewSettings)
})  # fmt: skip


@pytest.fixture
def image():
    torch.manual_seed(0)
    return torch.rand(4, 3, 24, 24)


@pytest.mark.parametrize("step", [widen_psf, add_noise, solarize, erase])
def test_off_changes_nothing(image, step):
    assert torch.equal(step(OFF, image.clone()), image)


def test_blur_is_a_gaussian_of_each_images_own_width(image):
    sigma = torch.tensor([0.0, 0.7, 1.2, 1.6])
    blurred = blur(image, sigma, radius_px=6)
    torch.testing.assert_close(blurred[0], image[0])
    for place in range(1, 4):
        slow = gaussian_filter(image[place].numpy(), (0, *[sigma[place].item()] * 2), mode="mirror", radius=6)
        torch.testing.assert_close(blurred[place], torch.from_numpy(slow), atol=1e-5, rtol=1e-4)


def test_psf_keeps_the_flux_and_lowers_the_variance():
    star = torch.zeros(2, 3, 25, 25)
    star[:, :, 12, 12] = 1
    wide = widen_psf(replace(OFF, blur_p=1.0, blur_sigma_px=(1.5, 1.5)), star.clone())
    torch.testing.assert_close(wide.sum(dim=(2, 3)), torch.ones(2, 3))
    assert wide.var() < star.var() / 10
    place = torch.arange(25.0) - 12
    second_moment = (wide.sum(dim=3) * place**2).sum(dim=2)
    torch.testing.assert_close(second_moment, torch.full((2, 3), 1.5**2), rtol=0.03, atol=0)


def test_blur_fits_images_smaller_than_its_radius():
    assert blur(torch.rand(1, 3, 4, 4), torch.tensor([3.0]), radius_px=9).shape == (1, 3, 4, 4)


def test_only_drawn_images_are_blurred():
    torch.manual_seed(0)
    image = torch.rand(400, 1, 8, 8)
    wide = widen_psf(replace(OFF, blur_p=0.3, blur_sigma_px=(1.0, 1.0)), image.clone())
    touched = (wide != image).flatten(1).any(dim=1).float().mean()
    assert touched == pytest.approx(0.3, abs=0.08)


def test_noise_has_the_sigma_that_was_asked():
    torch.manual_seed(0)
    noise = add_noise(replace(OFF, noise_p=1.0, noise_sigma=(0.02, 0.1)), torch.zeros(200, 3, 32, 32))
    sigma = noise.flatten(1).std(dim=1)
    assert noise.mean().abs() < 1e-3
    assert sigma.min() > 0.0185
    assert sigma.max() < 0.105
    assert sigma.mean() == pytest.approx(0.06, abs=0.006)
    one = add_noise(replace(OFF, noise_p=1.0, noise_sigma=(0.05, 0.05)), torch.zeros(20, 3, 32, 32))
    assert one.std() == pytest.approx(0.05, rel=0.02)


def test_solarize_inverts_the_bright_half(image):
    torch.testing.assert_close(solarize(replace(OFF, solarize_p=1.0), image.clone()), torch.minimum(image, 1 - image))


def test_erase_blanks_a_square_of_the_share():
    torch.manual_seed(0)
    ones = torch.ones(300, 3, 32, 32)
    gone = erase(replace(OFF, erase_p=1.0, erase_share=(0.25, 0.25)), ones.clone()) == 0
    assert gone.float().mean() == pytest.approx(0.25, abs=0.01)
    assert (gone.any(dim=3).sum(dim=2) - 16).abs().max() <= 1
    assert gone.any(dim=3).any(dim=1).any(dim=0).all(), "it reaches every row"
