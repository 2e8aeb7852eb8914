"""Masks of made-up galaxies, pixel by pixel, and means that look only where they should."""

import kornia
import numpy as np
import pytest
import torch
from scipy import ndimage
from torchmetrics.functional.image import structural_similarity_index_measure

from selfsup.objectives.masks import (
    STEP,
    GalaxyMasks,
    background_light,
    background_scatter,
    background_variation,
    foreground_ssim,
    masked_mean,
    sky,
)
from selfsup.types import ConfigError

EDGE = 48
PLAIN = {"threshold_sigmas": 5.0, "smoothing_px": 0.0, "centre_share": 0.2, "dilation_px": 0}


def disc(row, column, radius):
    y, x = np.mgrid[:EDGE, :EDGE]
    return torch.from_numpy((y - row) ** 2 + (x - column) ** 2 <= radius**2)


def picture(*shapes, light=0.4, level=0.06, noise=0.01, seed=0):
    """(1, 3, EDGE, EDGE): noisy sky with these shapes upon it."""
    image = level + noise * torch.randn(1, 3, EDGE, EDGE, generator=torch.Generator().manual_seed(seed))
    for shape in shapes:
        image = image + light * shape
    return image.clamp(0, 1)


def found(image, **changed):
    return GalaxyMasks(**PLAIN | changed)(image)


def test_a_galaxy_is_found_to_the_pixel():
    galaxy = disc(24, 23, 8)
    assert torch.equal(found(picture(galaxy))[0], galaxy)


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_the_mask_grows_by_a_disc(radius):
    galaxy = disc(24, 23, 8)
    offset = np.arange(-radius, radius + 1)
    around = offset[:, None] ** 2 + offset**2 <= radius**2
    grown = ndimage.binary_dilation(galaxy.numpy(), around)
    assert np.array_equal(found(picture(galaxy), dilation_px=radius)[0].numpy(), grown)


def test_a_neighbour_is_not_part_of_it_however_bright():
    galaxy, neighbour = disc(24, 24, 7), disc(10, 38, 5)
    image = picture(galaxy, neighbour, neighbour)
    assert torch.equal(found(image)[0], galaxy)
    bridge = torch.zeros(EDGE, EDGE, dtype=torch.bool)
    bridge[torch.arange(10, 25), torch.arange(38, 23, -1)] = True  # touches at corners only
    whole = galaxy | neighbour | bridge
    assert torch.equal(found(picture(whole))[0], whole)


def test_everything_is_whatever_is_no_sky():
    galaxy, neighbour = disc(24, 24, 7), disc(10, 38, 5)
    everything = GalaxyMasks(**PLAIN).everything(picture(galaxy, neighbour))
    assert torch.equal(everything[0], galaxy | neighbour)


def test_a_long_thin_arm_is_followed_to_its_end():
    arm = torch.zeros(EDGE, EDGE, dtype=torch.bool)
    arm[4:44:4, 4:44] = True
    for number, row in enumerate(range(4, 40, 4)):
        arm[row : row + 4, 43 if number % 2 == 0 else 4] = True
    assert arm.sum() > 400
    assert torch.equal(found(picture(arm), centre_share=0.3)[0], arm)


def test_components_are_those_of_scipy():
    """Random islands: the mask is the island under the brightest central pixel."""
    image = picture(light=0)[:, :1].repeat(12, 3, 1, 1)
    islands = torch.rand(12, 1, EDGE, EDGE, generator=torch.Generator().manual_seed(4)) > 0.62
    image = (image + 0.3 * islands).clamp(0, 1)
    masks = found(image, centre_share=0.3, threshold_sigmas=3.0)
    light = image.mean(1)
    for one, mask in zip(light, masks, strict=True):
        level, scatter = sky(one.view(1, -1))
        labels, _ = ndimage.label((one > level + 3 * scatter).numpy(), np.ones((3, 3)))
        middle = np.full((EDGE, EDGE), -1.0)
        middle[17:31, 17:31] = one[17:31, 17:31].numpy()
        seed = np.unravel_index(middle.argmax(), middle.shape)
        assert np.array_equal(mask.numpy(), labels == labels[seed])
        assert mask.sum() < mask.numel() / 2
    assert masks.sum() > 100


def test_a_nucleus_beside_the_centre_is_found_and_one_far_from_it_is_not():
    near, far = disc(27, 21, 4), disc(8, 8, 4)
    assert torch.equal(found(picture(near, far))[0], near)
    assert not (found(picture(far))[0] & far).any()


@pytest.mark.parametrize("image", [picture(), torch.zeros(1, 3, EDGE, EDGE), torch.ones(1, 3, EDGE, EDGE)])
def test_no_galaxy_leaves_the_brightest_central_pixel(image):
    mask = found(image)
    assert mask.sum() == 1
    assert mask[0, 19:29, 19:29].any()
    assert found(image, dilation_px=2, smoothing_px=1.0).sum() == 13


def test_smoothing_finds_what_is_too_faint_pixel_by_pixel():
    galaxy = disc(24, 24, 8)
    image = picture(galaxy, light=0.04, noise=0.02)
    rough, smooth = found(image)[0], found(image, smoothing_px=1.5)[0]
    assert (rough & galaxy).sum() < 0.3 * galaxy.sum()
    assert (smooth & galaxy).sum() > 0.8 * galaxy.sum()
    assert (smooth & ~disc(24, 24, 12)).sum() == 0


def test_every_image_of_a_batch_is_for_itself():
    images = torch.cat([picture(disc(24, 24, 3 + n), disc(6, 40, 4), seed=n) for n in range(4)])
    masks = found(images, smoothing_px=1.0, dilation_px=2)
    for image, mask in zip(images, masks, strict=True):
        assert torch.equal(found(image[None], smoothing_px=1.0, dilation_px=2)[0], mask)


def test_a_turned_galaxy_has_a_turned_mask():
    image = picture(disc(26, 22, 6), disc(30, 26, 5), disc(5, 5, 4))
    mask = found(image, smoothing_px=1.0, dilation_px=2)
    turned = found(image.rot90(1, (2, 3)), smoothing_px=1.0, dilation_px=2)
    assert torch.equal(turned, mask.rot90(1, (1, 2)))


def test_half_precision_finds_the_same():
    image = picture(disc(24, 24, 8))
    mask = found(image, smoothing_px=1.0)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(found(image, smoothing_px=1.0), mask)
    assert torch.equal(found(image.double(), smoothing_px=1.0), mask)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.35])
def test_the_sky_is_seen_past_a_galaxy(share):
    light = 0.1 + 0.02 * torch.randn(3, 4000, generator=torch.Generator().manual_seed(0))
    light[:, : int(share * 4000)] += 0.5
    level, scatter = sky(light)
    assert level.shape == scatter.shape == (3, 1)
    torch.testing.assert_close(level, torch.full((3, 1), 0.1), atol=0.002, rtol=0)
    torch.testing.assert_close(scatter, torch.full((3, 1), 0.02), atol=0.002, rtol=0)


def test_a_flat_sky_scatters_by_one_grey_level():
    level, scatter = sky(torch.full((1, 100), 0.25))
    assert level.item() == 0.25
    assert scatter.item() == pytest.approx(STEP)


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    image = ndimage.gaussian_filter(torch.rand(3, 3, 24, 20, generator=generator).numpy(), (0, 0, 1, 1))
    first = torch.from_numpy(image)
    second = (first + 0.1 * torch.randn(first.shape, generator=generator)).clamp(0, 1)
    return first, second


def full_map(first, second):
    """The SSIM of torchmetrics at each valid place: it fills up the border by reflection, which is cut off here."""
    _, similar = structural_similarity_index_measure(
        first, second, data_range=1.0, sigma=1.5, reduction="none", return_full_image=True
    )
    return similar[:, :, 5:-5, 5:-5].mean(1)


def test_a_full_mask_gives_the_ssim_of_kornia_and_of_torchmetrics(pair):
    everywhere = torch.ones(3, 24, 20, dtype=torch.bool)
    similar = foreground_ssim(*pair, everywhere, 11)
    kornias = kornia.metrics.ssim(*pair, 11, max_val=1.0, padding="valid").mean((1, 2, 3))
    torch.testing.assert_close(similar, kornias)
    torch.testing.assert_close(similar, full_map(*pair).mean((1, 2)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(foreground_ssim(pair[0], pair[0], everywhere, 11), torch.ones(3), rtol=1e-4, atol=0)


def test_only_what_is_inside_the_mask_counts(pair):
    mask = torch.zeros(3, 24, 20, dtype=torch.bool)
    mask[:, 8:14, 9:12] = True
    alone = [image * mask[:, None] for image in pair]
    expected = full_map(*alone)[:, 3:9, 4:7].mean((1, 2))
    torch.testing.assert_close(foreground_ssim(*pair, mask, 11), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(foreground_ssim(pair[0], alone[1], mask, 11), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(foreground_ssim(pair[0], alone[0], mask, 11), torch.ones(3), rtol=1e-4, atol=0)


def test_the_outermost_pixels_have_no_place(pair):
    mask = torch.zeros(3, 24, 20, dtype=torch.bool)
    mask[:, :5] = True  # no window around them lies in the image
    assert torch.equal(foreground_ssim(*pair, mask, 11), torch.zeros(3))


def test_ssim_is_precise_under_autocast(pair):
    everywhere = torch.ones(3, 24, 20, dtype=torch.bool)
    exact = foreground_ssim(*pair, everywhere, 11)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(foreground_ssim(*pair, everywhere, 11), exact)
    assert foreground_ssim(*(image.bfloat16() for image in pair), everywhere, 11).dtype == torch.float32


@pytest.mark.parametrize("window_px", [1, 10, 21])
def test_a_window_that_does_not_fit_is_refused(pair, window_px):
    with pytest.raises(ConfigError, match=rf"objective\.ssim_window_px: {window_px} px for images of 24 x 20 px"):
        foreground_ssim(*pair, torch.ones(3, 24, 20, dtype=torch.bool), window_px)


def test_without_a_galaxy_the_background_is_everything(pair):
    image, nowhere = pair[0], torch.zeros(3, 24, 20, dtype=torch.bool)
    kornias = kornia.losses.total_variation(image, reduction="mean").mean(1)
    torch.testing.assert_close(background_variation(image, nowhere), kornias)
    torch.testing.assert_close(background_light(image, nowhere), image.mean((1, 2, 3)))
    torch.testing.assert_close(background_light(-image, nowhere), image.mean((1, 2, 3)))


def test_scatter_is_that_of_the_noise_whatever_it_lies_on():
    noise = 0.05 * torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    wings = torch.linspace(0, 1, 64).expand(2, 3, 64, 64)
    nowhere = torch.zeros(2, 64, 64, dtype=torch.bool)
    for image in (noise, noise + wings):
        torch.testing.assert_close(background_scatter(image, nowhere), torch.full((2,), 0.05), rtol=0.05, atol=0)


@pytest.mark.parametrize("term", [background_variation, background_light, background_scatter])
def test_the_background_does_not_know_the_galaxy(pair, term):
    image, mask = pair[0], torch.zeros(3, 24, 20, dtype=torch.bool)
    mask[:, 8:14, 9:12] = True
    changed = torch.where(mask[:, None], torch.rand(image.shape), image)
    torch.testing.assert_close(term(changed, mask), term(image, mask))
    assert torch.equal(term(image, torch.ones_like(mask)), torch.zeros(3))
    outside = torch.where(mask[:, None], image, 3 * image)
    assert (term(outside, mask) > 2.5 * term(image, mask)).all()


def test_steps_into_the_galaxy_are_no_variation():
    mask = torch.zeros(1, 6, 6, dtype=torch.bool)
    mask[:, 2:4, 2:4] = True
    image = mask[:, None].double()
    assert background_variation(image, mask).item() == 0
    image[0, 0, 0, 0] = 1  # one of 30 - 6 pairs down, and one of as many across
    assert background_variation(image, mask).item() == pytest.approx(2 / 24)


def test_mean_inside_a_mask_by_hand():
    values = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    mask = torch.tensor([[[True, False], [True, False]], [[False, False], [False, False]]])
    assert masked_mean(values, mask).tolist() == [2.0, 0.0]


@pytest.mark.parametrize(
    ("key", "value"), [("threshold_sigmas", -1.0), ("smoothing_px", -1.0), ("centre_share", 1.5), ("dilation_px", -1)]
)
def test_impossible_numbers_are_refused_by_key(key, value):
    with pytest.raises(ConfigError, match=rf"objective\.mask_{key}: {value}"):
        GalaxyMasks(**PLAIN | {key: value})
