"""Noise and calibration: as deep, as correlated and as repeatable as promised."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from selfsup.sky import sensor
from selfsup.sky.galaxy import Artifact, Galaxy
from selfsup.sky.grid import Grid
from selfsup.sky.survey import Survey

SURVEYS = Path(__file__).parents[2] / "conf" / "survey"


def survey(name="sdss"):
    return Survey.from_config(yaml.safe_load((SURVEYS / f"{name}.yaml").read_text()))


def quiet(one):
    """The exposure with perfect calibration."""
    return replace(one, noise=1.0, gain=np.ones(3), sky_offset=np.zeros(3))


def sky(name, pixel, flux=0.0, size=128, index=5):
    chosen = survey(name)
    exposure = quiet(sensor.expose(3, index, chosen, 0))
    return sensor.add_noise(torch.full((1, 3, size, size), flux), [exposure], torch.tensor([pixel]), chosen)[0]


def neighbours_correlate(image):
    centred = image - image.mean()
    return float((centred[:, 1:] * centred[:, :-1]).mean() / centred.var())


@pytest.mark.parametrize("name", ["sdss", "decals", "lsst"])
def test_sky_of_native_pixels_has_the_noise_of_the_survey(name):
    noise = sky(name, survey(name).pixel_arcsec)
    found = noise.std((1, 2))
    torch.testing.assert_close(found, torch.tensor(survey(name).noise_sigma()), rtol=0.05, atol=0)
    assert abs(neighbours_correlate(noise[1])) < 0.05
    assert abs(float(torch.corrcoef(noise.reshape(3, -1))[0, 1])) < 0.05


def test_enlarged_noise_is_smooth():
    assert neighbours_correlate(sky("sdss", 0.13)[1]) > 0.6


@pytest.mark.parametrize("times", [2.0, 3.9, 6.0, 8.5])
def test_shrunk_noise_averages(times):
    """Per native pixel, k x k of them have a k-th of the noise; bicubic resizing averages over a little less."""
    found = float(sky("sdss", 0.396 * times)[1].std())
    assert found == pytest.approx(survey().noise_sigma()[1] / times, rel=0.25)


def test_photon_noise():
    flux = 50.0
    found = sky("sdss", 0.396, flux)
    expected = [sigma**2 + flux / e for sigma, e in zip(survey().noise_sigma(), (760, 930, 1030), strict=True)]
    torch.testing.assert_close(found.var((1, 2)), torch.tensor(expected), rtol=0.1, atol=0)
    torch.testing.assert_close(found.mean((1, 2)), torch.full((3,), flux), rtol=0.01, atol=0)


def test_green_is_the_mean_of_red_and_blue_with_two_filters():
    noise = sky("hst", 0.03, 1.0)
    torch.testing.assert_close(noise[1], 0.5 * (noise[0] + noise[2]))


def test_exposure_repeats_and_its_epochs_differ():
    one, again, other = (sensor.expose(3, 5, survey(), epoch) for epoch in (0, 0, 1))
    assert one.noise_seed == again.noise_seed != other.noise_seed
    np.testing.assert_array_equal(one.shift_arcsec, again.shift_arcsec)
    assert not np.array_equal(one.fwhm, other.fwhm)
    assert not np.array_equal(one.fwhm, sensor.expose(3, 5, survey("des"), 0).fwhm)
    flux, pixel = torch.zeros(1, 3, 32, 32), torch.tensor([0.3])
    twice = [sensor.add_noise(flux, [one], pixel, survey()) for _ in range(2)]
    assert torch.equal(*twice)
    assert not torch.equal(twice[0], sensor.add_noise(flux, [other], pixel, survey()))


def test_scatter_of_the_nights():
    nights = [sensor.expose(3, index, survey(), 0) for index in range(400)]
    seeing = np.log([night.fwhm[1] / 1.32 for night in nights])
    assert np.std(seeing) == pytest.approx(0.081, rel=0.15)
    between = np.log([night.fwhm[0] / night.fwhm[1] for night in nights])
    assert np.std(between) == pytest.approx(0.015 * np.sqrt(2), rel=0.15)
    assert np.std([night.shift_arcsec for night in nights]) == pytest.approx(0.035, rel=0.1)
    assert np.std([np.log(night.gain) for night in nights]) == pytest.approx(0.022, rel=0.1)
    assert np.std([2.5 * np.log10(night.noise) for night in nights]) == pytest.approx(0.15, rel=0.15)


def test_batch_is_its_singles():
    exposures = [sensor.expose(3, index, survey(), 0) for index in range(3)]
    flux, pixel = torch.rand(3, 3, 24, 24), torch.tensor([0.2, 0.396, 1.7])
    together = sensor.add_noise(flux, exposures, pixel, survey())
    for k, one in enumerate(exposures):
        alone = sensor.add_noise(flux[k : k + 1], [one], pixel[k : k + 1], survey())
        torch.testing.assert_close(together[k], alone[0])


def test_record_shifts_and_spoils():
    """The whole camera: a star, misregistered; and the same with missing data."""
    grid = Grid(torch.tensor([0.4, 0.4]), 64)
    light = torch.zeros(2, 3, grid.edge, grid.edge)
    light[:, :, 71, 71] = 1e5
    exposures = [sensor.expose(3, 5, survey("hst"), 0)] * 2
    artifacts = [Artifact("misregistered", (1.0, 0.0, 0.5, 0.5)), Artifact("missing", (0.0, 0.0, 0.5, 0.0))]
    galaxies = [Galaxy(3, 5, "artifact", 0.1, (), "none", artifact=artifact) for artifact in artifacts]
    flux = sensor.record(light, galaxies, exposures, survey("hst"), grid)
    assert flux.shape == (2, 3, 64, 64)
    peaks = [divmod(int(band.argmax()), 64)[1] for band in flux[0]]
    assert peaks[0] - 32 == pytest.approx(3.3 / 0.4, abs=1.01)
    assert float((flux[1] == 0).float().mean()) == pytest.approx(0.15, abs=0.03)
    torch.testing.assert_close(flux[:, 1], 0.5 * (flux[:, 0] + flux[:, 2]))
