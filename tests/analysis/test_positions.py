"""Separations on the sphere against vectors in space, and the nearest galaxy of a catalogue."""

import math

import numpy as np
import pytest

from selfsup.analysis.positions import nearest_at, separation_arcsec
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError, DataError


def vector(ra, dec):
    ra, dec = np.longdouble(ra) * np.pi / 180, np.longdouble(dec) * np.pi / 180
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


@pytest.mark.parametrize("place", [(10.0, 41.0), (0.0, -90.0), (359.9999, 89.99), (-725.5, 3.0)])
def test_separations_are_those_of_vectors(place):
    rng = np.random.default_rng(0)
    near = place + rng.normal(size=(20, 2)) / 3600
    ra = np.concatenate([rng.uniform(0, 360, 20), near[:, 0], [place[0] + 720]])
    dec = np.concatenate([rng.uniform(-89, 89, 20), np.clip(near[:, 1], -90, 90), [place[1]]])
    there = vector(*place)
    for found, one in zip(separation_arcsec(ra, dec, place), zip(ra, dec, strict=True), strict=True):
        here = vector(*one)
        angle = math.atan2(np.linalg.norm(np.cross(here, there)), float(here @ there))
        assert found == pytest.approx(math.degrees(angle) * 3600, rel=1e-7, abs=1e-7)


@pytest.fixture
def catalogue(tmp_path):
    """Four galaxies around right ascension 0, one without a position."""
    columns = {"ra": [359.9999, 0.0002, 10.0, np.nan, 0.0002], "dec": [0.0, 0.0, 5.0, 0.0, 0.0], "name": list("abcde")}
    Catalogue.from_arrays(["w", "z", "far", "none", "e"], np.eye(5), columns, {}).save(tmp_path / "c", 2)
    return Catalogue.open(tmp_path / "c")


def test_the_nearest_galaxy_across_the_seam_of_right_ascension(catalogue):
    found = nearest_at(catalogue, (0.0, 0.0), 0.5, "ra", "dec")
    assert (found.id, found.row, found.within) == ("w", 0, 1)
    assert found.separation_arcsec == pytest.approx(0.36)
    assert nearest_at(catalogue, (360.0, 0.0), 0.8, "ra", "dec").within == 3


def test_of_equals_the_first_id(catalogue):
    assert nearest_at(catalogue, (0.0003, 0.0), 1, "ra", "dec").id == "e"


def test_too_far_is_refused_with_the_separation(catalogue):
    with pytest.raises(DataError, match=r"far, 3,600\.0 arcsec away, more than the 10 "):
        nearest_at(catalogue, (10.0, 4.0), 10, "ra", "dec")


def test_what_is_no_place_is_refused(catalogue):
    for place in ((0.0, 91.0), (np.nan, 0.0)):
        with pytest.raises(ConfigError, match="no place on the sky"):
            nearest_at(catalogue, place, 1, "ra", "dec")
    with pytest.raises(ConfigError, match="within 0 arcsec"):
        nearest_at(catalogue, (0.0, 0.0), 0, "ra", "dec")
    with pytest.raises(DataError, match="column 'name' is string"):
        nearest_at(catalogue, (0.0, 0.0), 1, "ra", "name")
    with pytest.raises(DataError, match="no column 'declination'"):
        nearest_at(catalogue, (0.0, 0.0), 1, "ra", "declination")


def test_a_catalogue_without_any_position_says_so(tmp_path):
    Catalogue.from_arrays(["a"], np.ones((1, 2)), {"ra": [np.nan], "dec": [1.0]}, {}).save(tmp_path / "c.parquet")
    with pytest.raises(DataError, match="no galaxy has a number in both"):
        nearest_at(Catalogue.open(tmp_path / "c.parquet"), (0.0, 0.0), 1, "ra", "dec")
