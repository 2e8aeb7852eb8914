"""A colour measured on a picture: what it follows, what it ignores, and when there is none."""

import numpy as np
import pytest

from selfsup.config import build
from selfsup.data.colour import measure_colour
from selfsup.data.datamodule import GalaxyData

SIZE_PX = 48


def picture(red, blue, sky=(10, 10, 10), width=5.0, elongation=1.0):
    """(S, S, 3) uint8: an ellipse of light whose channels have these peaks."""
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX] - (SIZE_PX - 1) / 2
    light = np.exp(-(x**2 + (y * elongation) ** 2) / (2 * width**2))
    return np.rint(light[..., None] * [red, (red + blue) / 2, blue] + sky).astype(np.uint8)


def colours(*pictures):
    return measure_colour(np.stack(pictures), np.arange(len(pictures)))


def test_twice_the_red_is_three_quarters_of_a_magnitude():
    found = colours(picture(200, 100), picture(100, 100.01), picture(100, 200))
    expected = 2.5 * np.log10(2)
    assert found[[0, 2]] == pytest.approx([expected, -expected], abs=0.02)


def test_sky_size_and_inclination_do_not_matter():
    plain = colours(picture(200, 100))
    others = colours(
        picture(200, 100, sky=(40, 20, 5)),
        picture(100, 50),
        picture(200, 100, width=3.0),
        picture(200, 100, elongation=4.0),
    )
    assert others == pytest.approx(np.repeat(plain, 4), abs=0.05)


def test_a_neighbour_outside_the_circle_does_not_matter():
    alone = picture(200, 100)
    beside = alone.copy()
    beside[2:8, 2:8] = (0, 0, 255)
    assert colours(beside) == pytest.approx(colours(alone), abs=0.02)


def test_grey_pictures_and_empty_sky_have_no_colour():
    grey = np.repeat(picture(200, 100)[..., :1], 3, axis=2)
    empty = np.random.default_rng(0).normal(20, 0.3, (SIZE_PX, SIZE_PX, 3)).round().astype(np.uint8)
    no_blue = picture(200, 0)
    assert np.isnan(colours(grey, empty, no_blue)).all()


def test_only_the_rows_asked_for_in_their_order():
    images = np.stack([picture(200, blue) for blue in (50, 100, 150)] * 100)
    found = measure_colour(images, np.array([299, 1, 0]))
    assert found == pytest.approx(measure_colour(images, np.arange(300))[[299, 1, 0]])
    assert measure_colour(images, np.array([], dtype=int)).shape == (0,)


@pytest.fixture
def sky(compose):
    def made(*overrides):
        few = ("data.count=80", "data.size_px=32", "data.mix=natural", *overrides)
        return GalaxyData(build(compose("data=synthetic", *few).data, "data"), 16, 0, seed=0, splits=("train",))

    return made


def test_young_galaxies_of_the_sky_are_blue_and_look_so_again(sky):
    data = sky("data.exposures=2", "data.redshift=0.05")
    columns = data.catalogue_columns(data.rows())
    assert set(columns) == {*data.columns, "colour"}
    galaxies = np.array([data.source.galaxy_of(picture) for picture in data.packed.ids])
    colour, young = columns["colour"], columns["young_fraction"]
    known = np.isfinite(colour) & np.isfinite(young)
    assert known.mean() > 0.9
    assert np.corrcoef(colour[known], young[known])[0, 1] < -0.5
    pairs = np.array([colour[galaxies == galaxy] for galaxy in np.unique(galaxies)])
    noise, spread = np.nanstd(pairs[:, 0] - pairs[:, 1]) / np.sqrt(2), np.nanstd(pairs)
    assert noise < 0.25 * spread


def test_a_colour_that_the_data_set_has_itself_stays(sky):
    data = sky("data.count=12")
    data.columns["colour"] = np.arange(12.0)
    assert data.catalogue_columns(np.array([3, 5]))["colour"].tolist() == [3.0, 5.0]
