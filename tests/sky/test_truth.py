import dataclasses
import math

import numpy as np
import pytest

from selfsup.sky.galaxy import Arm
from selfsup.sky.population import MIXES, draw
from selfsup.sky.truth import COLUMNS, parameters, t_type
from selfsup.sky.view import View

WORDS = {"family", "hubble_type", "bar", "ring", "merging", "flocculent", "edge_on"}


@pytest.fixture(scope="module")
def view(survey):
    return View(survey, size_px=64, crop=1.0)


@pytest.fixture(scope="module")
def galaxies():
    return [draw(6, index, "balanced") for index in range(600)]


@pytest.fixture(scope="module")
def rows(galaxies, view):
    return [parameters(galaxy, view) for galaxy in galaxies]


def test_every_row_has_every_column_of_its_kind(rows):
    for row in rows:
        assert list(row) == list(COLUMNS)
        for name, value in row.items():
            assert type(value) is (str if name in WORDS else float), name


def test_no_column_is_always_missing_or_always_the_same(rows):
    for name in COLUMNS:
        values = [row[name] for row in rows]
        assert len({value for value in values if str(value) not in ("", "nan")}) > 1, name


def test_numbers_are_missing_only_where_they_say(rows):
    may_miss = {name for name, (_, meaning) in COLUMNS.items() if "NaN" in meaning}
    for row in rows:
        missing = {name for name, value in row.items() if isinstance(value, float) and math.isnan(value)}
        assert missing <= may_miss
        assert all(math.isfinite(value) for name, value in row.items() if name not in WORDS | missing)


def test_hubble_stages(galaxies):
    limits = {"elliptical": (-5, -4), "lenticular": (-3, -1), "spiral": (1, 7), "ringed": (1, 7), "irregular": (10, 10)}
    for galaxy in galaxies:
        stage = t_type(galaxy)
        if galaxy.family in limits:
            low, high = limits[galaxy.family]
            assert low - 1e-9 <= stage <= high + 1e-9
        elif galaxy.family == "disturbed":
            assert -5 <= stage <= 7
        else:
            assert math.isnan(stage)


def test_words(galaxies, rows):
    assert {row["bar"] for row in rows} == {"none", "weak", "strong", ""}
    assert {row["ring"] for row in rows} == {"ring", "no-ring", ""}
    for galaxy, row in zip(galaxies, rows, strict=True):
        edge_on = galaxy.primary.disc is not None and galaxy.primary.disc.edge_on is not None
        assert (row["edge_on"] == "edge-on") == edge_on == (row["bar"] == "") == (row["flocculent"] == "")
        assert math.isnan(row["bar_length"]) == (row["bar"] not in ("weak", "strong"))
        assert row["merger_stage"] == ("none", "minor", "major", "merger").index(row["merging"])


def test_arms_are_missing_where_none_are_to_be_seen(galaxies, rows):
    for galaxy, row in zip(galaxies, rows, strict=True):
        disc = galaxy.primary.disc
        seen = disc is not None and disc.edge_on is None and not disc.flocculent and bool(disc.arms)
        assert all(math.isnan(row[name]) != seen for name in ("arm_count", "arm_amplitude", "pitch_deg"))


def test_pitch_is_that_of_the_strong_arms(galaxies, rows, view):
    galaxy = next(g for g, row in zip(galaxies, rows, strict=True) if row["arm_count"] == 2)
    arms = (Arm(0.0, 10.0, 0.3, 3.0, 0.5, 3.0), Arm(3.0, 20.0, 0.3, 1.0, 0.5, 3.0))
    body = dataclasses.replace(galaxy.primary, disc=dataclasses.replace(galaxy.primary.disc, arms=arms))
    row = parameters(dataclasses.replace(galaxy, bodies=(body, *galaxy.bodies[1:])), view)
    assert row["pitch_deg"] == pytest.approx(12.5)
    assert row["arm_amplitude"] == pytest.approx(2.0)


def test_light_of_bulge_disc_and_shells(galaxies, rows):
    for galaxy, row in zip(galaxies, rows, strict=True):
        body = galaxy.primary
        shells = sum(shell.share for shell in body.shells)
        spheroid = body.spheroid.share if body.spheroid is not None else 0.0
        assert row["bulge_fraction"] == pytest.approx(spheroid + shells)
        assert math.isnan(row["sersic_n"]) == (body.spheroid is None)


def test_what_is_seen_depends_on_the_view_and_what_is_does_not(galaxies, rows, view):
    farther = dataclasses.replace(view, redshift=0.3)
    for galaxy, near in zip(galaxies[:40], rows, strict=False):
        far = parameters(galaxy, farther)
        assert (near["redshift_seen"], far["redshift_seen"]) == (near["redshift"], 0.3)
        assert far["magnitude"] > near["magnitude"]
        assert far["half_light_arcsec"] < near["half_light_arcsec"]
        for name in ("ra", "dec", "family", "absolute_magnitude", "half_light_kpc", "bar", "redshift"):
            assert far[name] == near[name]


def test_positions_cover_the_sphere_evenly(rows):
    ra, height = np.array([row["ra"] for row in rows]), np.sin(np.radians([row["dec"] for row in rows]))
    even = 3 / math.sqrt(12 * len(rows))
    assert ra.min() >= 0
    assert ra.max() < 360
    assert ra.mean() / 360 == pytest.approx(0.5, abs=even)
    assert height.mean() == pytest.approx(0.0, abs=2 * even)
    assert height.std() == pytest.approx(1 / math.sqrt(3), rel=0.06)


def test_the_position_does_not_depend_on_what_the_galaxy_is(view):
    first, second = (parameters(draw(6, 3, mix), view) for mix in MIXES)
    assert (first["ra"], first["dec"]) == (second["ra"], second["dec"])
