"""Noise of a promised mean and variance, of another strength in each image."""

import pytest
import torch

from selfsup.objectives.noise import DetectorNoise
from selfsup.types import ConfigError


def test_mean_and_variance_are_those_of_photons_and_read_out():
    noise = DetectorNoise([400.0, 400.0], [0.02, 0.02])
    torch.manual_seed(0)
    for brightness in (0.25, 0.5):
        noisy = noise(torch.full((1, 1, 400, 400), brightness))
        assert noisy.mean().item() == pytest.approx(brightness, abs=1e-3)
        assert noisy.var().item() == pytest.approx(brightness / 400 + 0.02**2, rel=0.02)


def test_strengths_lie_in_their_ranges_and_differ():
    torch.manual_seed(0)
    spread = DetectorNoise(None, [0.01, 0.1])(torch.full((64, 1, 40, 40), 0.5)).std((1, 2, 3))
    assert 0.009 < spread.min() < 0.03
    assert 0.08 < spread.max() < 0.11
    electrons = 0.5 / DetectorNoise([10.0, 1000.0], [0.0, 0.0])(torch.full((200, 1, 40, 40), 0.5)).var((1, 2, 3))
    assert 8 < electrons.min() < 20
    assert 500 < electrons.max() < 1200
    assert 60 < electrons.median() < 160, "log-uniform: as many below 100 as above"


def test_pixels_stay_in_range_whatever_the_strength():
    torch.manual_seed(0)
    noisy = DetectorNoise([1.0, 1.0], [0.5, 0.5])(torch.rand(4, 3, 16, 16))
    assert noisy.min() == 0
    assert noisy.max() == 1


def test_no_noise_changes_nothing():
    image = torch.rand(4, 3, 16, 16)
    assert torch.equal(DetectorNoise(None, [0.0, 0.0])(image), image)


def test_the_seed_decides():
    noise, image = DetectorNoise([50.0, 500.0], [0.0, 0.1]), torch.rand(2, 3, 8, 8).double()
    torch.manual_seed(3)
    first, second = noise(image), noise(image)
    torch.manual_seed(3)
    assert torch.equal(noise(image), first)
    assert not torch.equal(first, second)
    assert first.dtype == torch.float64


@pytest.mark.parametrize(
    ("electrons", "sigma", "message"),
    [
        ([0.5, 10.0], [0.0, 0.1], "objective.poisson_electrons"),
        ([20.0, 10.0], [0.0, 0.1], "objective.poisson_electrons"),
        (None, [-0.1, 0.1], "objective.gaussian_sigma"),
        (None, [0.1], "objective.gaussian_sigma"),
    ],
)
def test_ranges_that_cannot_be_are_refused(electrons, sigma, message):
    with pytest.raises(ConfigError, match=message):
        DetectorNoise(electrons, sigma)
