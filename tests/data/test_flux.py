"""Flux becomes a picture that keeps its colours, against the closed form and astropy's own."""

from dataclasses import dataclass

import numpy as np
import pytest

from selfsup.data.decode import Unreadable
from selfsup.data.flux import FluxSource, stretched
from selfsup.types import ConfigError


@dataclass(kw_only=True)
class Planes(FluxSource):
    def read(self):
        raise NotImplementedError


def source(**keys):
    values = {"bands": [2, 1, 0], "scale": [1.0, 1.0, 1.0], "softening": 8.0, "black": 0.0, "max_missing_share": 0.1}
    shared = {"folder": "", "size_px": 4, "cache": "", "max_unreadable_share": 0.0}
    return Planes(**shared, tree=None, label=None, classes=None, **{**values, **keys})


def test_a_grey_pixel_is_the_arcsinh_of_its_flux():
    flux = np.array([0.0, 1e-3, 0.02, 0.1]).reshape(1, 2, 2).repeat(3, axis=0)
    shown = stretched(flux, np.full(3, 2.0), 8.0, 0.01)
    np.testing.assert_allclose(shown, np.arcsinh(8 * (2 * flux + 0.01)) / 8, rtol=1e-12)


def test_the_ratios_of_the_bands_are_kept_while_none_is_white():
    flux = np.random.default_rng(0).uniform(0.01, 0.3, (3, 5, 5))
    shown = stretched(flux, np.ones(3), 20.0, 0.0)
    assert shown.max() < 1
    np.testing.assert_allclose(shown[0] / shown[2], flux[0] / flux[2])


def test_negative_and_enormous_flux_are_black_and_white():
    flux = np.array([-1e300, -1.0, 0.0, 1e300]).reshape(1, 2, 2).repeat(3, axis=0)
    np.testing.assert_array_equal(stretched(flux, np.ones(3), 8.0, 0.0)[0], [[0, 0], [0, 1]])


def test_it_is_that_of_the_legacy_surveys_viewer():
    """asinh(20 I) / sqrt(20) of 2.2 z, 3.4 r, 6.0 g + 0.03, as conf/data/stretch/legacy_survey.yaml writes it."""
    flux = np.random.default_rng(1).uniform(-0.01, 0.2, (3, 8, 8))
    x = flux * np.array([2.2, 3.4, 6.0])[:, None, None] + 0.03
    mean = np.maximum(x, 0).mean(axis=0)
    theirs = np.clip(x * np.arcsinh(20 * mean) / np.sqrt(20) / mean, 0, 1)
    ours = stretched(flux, np.array([9.84, 15.2, 26.8]), 4.472, 0.1342)
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_it_agrees_with_astropy():
    visualization = pytest.importorskip("astropy.visualization")
    flux = np.random.default_rng(2).uniform(0, 0.2, (3, 8, 8))
    theirs = visualization.make_lupton_rgb(*flux, stretch=1.0, Q=8.0)
    normalised = 0.8 / np.arcsinh(0.8)  # astropy's curve has a slope of its own at zero
    ours = 255 * normalised * stretched(flux, np.ones(3), 8.0, 0.0)
    np.testing.assert_allclose(ours.transpose(1, 2, 0), theirs, atol=1.01)


def test_the_bands_are_put_to_red_green_and_blue():
    planes = np.zeros((4, 4, 4))
    planes[3] = 10.0
    picture = source(bands=[3, 1, 0]).picture(planes)
    assert picture.shape == (4, 4, 3)
    assert picture.dtype == np.uint8
    assert picture[..., 0].min() > 200
    assert not picture[..., 1:].any()


@pytest.mark.parametrize(("bands", "green"), [([0], 1.0), ([0, 1], 0.5)])
def test_one_band_is_grey_and_two_have_their_mean_between_them(bands, green):
    planes = np.zeros((2, 4, 4))
    planes[0] = 0.1
    picture = source(bands=bands, scale=[1.0] * len(bands)).picture(planes)
    assert picture[0, 0, 0] > 0
    assert picture[0, 0, 1] == pytest.approx(green * picture[0, 0, 0], abs=1)


def test_few_pixels_without_a_value_are_sky_and_many_are_a_reason():
    planes = np.full((3, 4, 4), 0.1)
    planes[:, 0, 0] = np.nan
    picture = source().picture(planes)
    assert not picture[0, 0].any()
    assert (picture[2:, 2:] == picture[3, 3]).all()
    planes[:, 1, :2] = np.inf
    with pytest.raises(Unreadable, match="19% of its pixels have no value"):
        source().picture(planes)


@pytest.mark.parametrize("shape", [(2, 4, 4), (4, 4), (3, 0, 4), (3, 7000, 7000)])
def test_planes_that_are_no_cut_out_are_refused(shape):
    with pytest.raises(Unreadable):
        source().picture(np.broadcast_to(np.float32(0), shape))


@pytest.mark.parametrize(
    "keys", [{"bands": []}, {"bands": [0, 1, 2, 3]}, {"bands": [-1]}, {"scale": [1.0]}, {"softening": 0.0}]
)
def test_settings_that_show_nothing_are_refused_before_any_file(keys):
    with pytest.raises(ConfigError, match=r"data\."):
        source(**keys)
