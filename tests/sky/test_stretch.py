"""Colours: black, white and noise where the survey says, order kept in between."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from selfsup.sky import stretch
from selfsup.sky.survey import Survey
from selfsup.types import ConfigError

SURVEYS = Path(__file__).parents[2] / "conf" / "survey"
NAMES = sorted(file.stem for file in SURVEYS.glob("*.yaml"))
LUPTON = [name for name in NAMES if name != "decals"]


def survey(name="sdss"):
    return Survey.from_config(yaml.safe_load((SURVEYS / f"{name}.yaml").read_text()))


def grey(values, chosen):
    """(N,) fluxes of the green band -> (N, 3) levels of something grey."""
    scale = torch.tensor(chosen.band_scale)
    flux = torch.as_tensor(values, dtype=torch.float32)[None] * (scale[1] / scale)[:, None]
    return stretch.to_rgb(flux[None, :, None, :], chosen)[0, :, 0].T.int()


@pytest.mark.parametrize("name", LUPTON)
def test_white_is_white(name):
    chosen = survey(name)
    white = 10 ** (0.4 * (22.5 - chosen.white_mag)) * chosen.pixel_arcsec**2
    levels = grey([0.0, white / 2, white], chosen)
    assert min(levels[2].tolist()) >= 253  # bands with another black miss white by little
    assert levels[1].max() < 245
    assert levels[0].tolist() == [round(level) for level in chosen.black_levels]


def test_alpha_and_q_of_sdss():
    """0.8 per nanomaggy and 5.5, found by comparing with cutouts of the survey."""
    alpha, q = stretch.lupton_parameters(survey())
    assert alpha == pytest.approx(0.795, abs=0.01)
    assert q == pytest.approx(5.55, abs=0.05)


@pytest.mark.parametrize("name", LUPTON)
def test_noise_has_its_levels(name):
    """Of the sky in green, on the side of black that is not clipped, where the stretch is all but straight."""
    chosen = survey(name)
    sigmas = torch.linspace(0, 0.4, 9)
    flux = torch.zeros(1, 3, 1, 9)
    flux[0, 1, 0] = sigmas * chosen.noise_sigma()[1]
    levels = stretch.to_rgb(flux, chosen)[0, 1, 0].float()
    np.testing.assert_allclose(
        levels, chosen.black_levels[1] + chosen.noise_levels * sigmas, atol=0.6 + 0.02 * chosen.noise_levels
    )


def test_noise_of_sdss_on_a_lifted_sky():
    chosen = replace(survey(), noise_levels=2.0)
    noise = torch.randn(1, 3, 100, 100, generator=torch.Generator().manual_seed(2)).clamp(-3, 3)
    flux = (noise + 3) * torch.tensor(chosen.noise_sigma())[:, None, None]
    levels = stretch.to_rgb(flux, chosen)[0, 1].float()
    assert float(levels.std()) == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_brighter_is_brighter(name):
    levels = grey(np.linspace(0, 40, 300) ** 2 / 40 * survey(name).pixel_arcsec ** 2, survey(name)).float().mean(1)
    assert (torch.diff(levels) >= 0).all()
    assert levels[-1] > levels[0] + 60


def test_channels_clip_for_themselves():
    """A bright blue star has a white middle, not a blue one."""
    flux = torch.full((1, 3, 1, 1), 3000.0)  # bluer than grey, which is 1 / band_scale
    assert stretch.to_rgb(flux, survey()).flatten().tolist() == [255] * 3


def test_gz_decals_by_hand():
    flux = np.array([0.3, 0.2, 0.05])  # z, r, g
    low, high = np.arcsinh(-0.5), np.arcsinh(300)
    v = (np.arcsinh(flux / [0.019, 0.014, 0.008]) - low) / (high - low)
    a = v.mean()
    w = np.sin(np.pi / 2 * (1 - min(1, (v / a).max() / 2.5)))
    expected = np.round(255 * np.clip(v * w + a * (1 - w) + a * (1 - w) ** 2 * v, 0, 1))
    found = stretch.to_rgb(torch.tensor(flux, dtype=torch.float32).reshape(1, 3, 1, 1), survey("decals"))
    np.testing.assert_allclose(found.flatten().numpy(), expected, atol=1)


def test_gz_decals_takes_anything():
    flux = torch.tensor([-1.0, 0.0, 1e-9, 1e5]).reshape(1, 1, 1, 4).expand(1, 3, 1, 4)
    levels = stretch.to_rgb(flux, survey("decals"))[0, :, 0]
    assert levels[:, 0].tolist() == [0] * 3
    assert levels[:, 3].tolist() == [255] * 3


def test_refuses_a_white_that_is_black():
    with pytest.raises(ConfigError, match="white_mag=30"):
        stretch.to_rgb(torch.zeros(1, 3, 2, 2), replace(survey(), white_mag=30.0))


def test_jpeg_keeps_the_picture_but_not_its_bytes():
    ramp = np.add.outer(np.arange(64), np.arange(64))[..., None] + np.array([0, 20, 40])
    image = ramp.astype(np.uint8)
    found = stretch.published(image, (90, 90))
    assert found.shape == image.shape
    assert found.dtype == np.uint8
    assert not np.array_equal(found, image)
    assert np.abs(found.astype(int) - image).mean() < 4
    np.testing.assert_array_equal(found, stretch.published(image, (90, 90)))
