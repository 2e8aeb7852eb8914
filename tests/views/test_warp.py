import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F
from torchvision.transforms import RandomResizedCrop

from selfsup.views.settings import ViewSettings
from selfsup.views.warp import draw_maps, most_reduction, warp

ONE, NONE = (1.0, 1.0), (0.0, 0.0)
STILL = ViewSettings(
    size_px=16, size_share=1.0, area_share=ONE, aspect=ONE, place=NONE, rotation_deg=NONE, hflip_p=0, vflip_p=0,
    zoom=ONE, shift_share=NONE, blur_p=0, blur_sigma_px=NONE, noise_p=0, noise_sigma=NONE,
    reddening_p=0, reddening_ebv_mag=NONE, colour_p=0, brightness=ONE, contrast=ONE, saturation=ONE, hue_deg=NONE,
    grey_p=0, solarize_p=0, erase_p=0, erase_share=NONE,
)  # fmt: skip
CPU = torch.device("cpu")


@pytest.fixture
def image():
    torch.manual_seed(0)
    return torch.rand(2, 3, 16, 16)


def warped(image, copies=1, **changes):
    settings = replace(STILL, **changes)
    frame = tuple(image.shape[-2:])
    maps = draw_maps(settings, copies * len(image), frame, CPU)
    return warp(image, maps, settings.view_px, most_reduction(settings, frame))


def boxes(count, **changes):
    """Width, height, x and y of drawn crops, shares of the frame."""
    maps = draw_maps(replace(STILL, **changes), count, (16, 16), CPU)
    return maps[:, 0, 0], maps[:, 1, 1], maps[:, 0, 2] / 2, maps[:, 1, 2] / 2


def test_neutral_settings_give_the_image_back(image):
    torch.testing.assert_close(warped(image), image)
    torch.testing.assert_close(warped(image, copies=3), image.repeat(3, 1, 1, 1))


def test_neutral_settings_resize_without_aliasing(image):
    torch.testing.assert_close(warped(image, size_px=8), F.avg_pool2d(image, 2))
    torch.testing.assert_close(warped(image, size_px=4), F.avg_pool2d(image, 4))
    larger = F.interpolate(image, size=32, mode="bilinear", align_corners=False)
    torch.testing.assert_close(warped(image, size_px=32), larger)


def test_each_view_is_read_from_the_level_of_its_own_crop(image):
    torch.manual_seed(0)
    settings = replace(STILL, size_px=8, area_share=(0.05, 1.0))
    maps = draw_maps(settings, 8, (16, 16), CPU)
    together = warp(image, maps, 8, most_reduction(settings, (16, 16)))
    small, large = (maps[:, 0, 0] * 2 < math.sqrt(2)), image.repeat(4, 1, 1, 1)
    assert 0 < small.sum() < 8, "both levels are tried"
    grid = F.affine_grid(maps, [8, 3, 8, 8], align_corners=False)
    expected = torch.where(
        small[:, None, None, None],
        F.grid_sample(large, grid, padding_mode="reflection", align_corners=False),
        F.grid_sample(F.avg_pool2d(large, 2), grid, padding_mode="reflection", align_corners=False),
    )
    torch.testing.assert_close(together, expected)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_rotation_is_counter_clockwise_as_rot90(image, quarters):
    turned = warped(image, rotation_deg=(90.0 * quarters, 90.0 * quarters))
    torch.testing.assert_close(turned, torch.rot90(image, quarters, dims=(2, 3)), atol=1e-5, rtol=0)


def test_flips_are_exact(image):
    torch.testing.assert_close(warped(image, hflip_p=1), image.flip(3))
    torch.testing.assert_close(warped(image, vflip_p=1), image.flip(2))


def test_zoom_enlarges_and_shift_moves(image):
    torch.testing.assert_close(warped(image, size_px=8, zoom=(2, 2)), image[:, :, 4:12, 4:12])
    quarter = warped(image, shift_share=(0.25, 0.25))
    torch.testing.assert_close(quarter[:, :, :12, :12], image[:, :, 4:, 4:])
    torch.testing.assert_close(quarter[:, :, :12, 12:], image[:, :, 4:, 12:].flip(3), msg="the sky is mirrored outside")


def test_a_frame_that_is_no_square_is_not_squeezed(image):
    wide = F.pad(image, (8, 8))
    torch.testing.assert_close(warped(wide), image)
    torch.testing.assert_close(warped(wide, rotation_deg=(90, 90)), torch.rot90(image, 1, (2, 3)), atol=1e-5, rtol=0)


def test_crop_areas_follow_torchvision():
    torch.manual_seed(0)
    width, height, x, y = boxes(4000, area_share=(0.2, 0.9), aspect=(0.9, 1.1), place=(-1, 1))
    area = width * height
    peer = RandomResizedCrop(16, scale=(0.2, 0.9), ratio=(0.9, 1.1))
    frame = torch.zeros(1, 400, 400)
    theirs = (
        torch.tensor([peer.get_params(frame, peer.scale, peer.ratio)[2:] for _ in range(1500)]).prod(dim=1) / 160000
    )
    assert area.mean() == pytest.approx(0.55, abs=0.015)
    assert area.mean() == pytest.approx(theirs.mean().item(), abs=0.03)
    assert area.std() == pytest.approx(theirs.std().item(), abs=0.02)
    assert (x.abs() + width / 2).max() <= 0.5 + 1e-5
    assert (y.abs() + height / 2).max() <= 0.5 + 1e-5


def test_aspect_is_log_uniform_where_it_fits():
    torch.manual_seed(0)
    width, height, *_ = boxes(4000, area_share=(0.2, 0.2), aspect=(0.5, 2.0))
    aspect = (width / height).log()
    assert aspect.mean().abs() < 0.03
    assert aspect.std() == pytest.approx(2 * math.log(2) / math.sqrt(12), rel=0.05)
    torch.testing.assert_close(width * height, torch.full_like(width, 0.2))
