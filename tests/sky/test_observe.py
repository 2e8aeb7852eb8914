"""The same bytes whatever the company, and pictures that follow what is asked for."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from selfsup.sky.galaxy import FAMILIES
from selfsup.sky.observe import observe, photograph
from selfsup.sky.population import draw
from selfsup.sky.survey import Survey
from selfsup.sky.view import View
from selfsup.types import ConfigError

CONF = Path(__file__).parents[2] / "conf" / "survey"
SURVEYS = sorted(file.stem for file in CONF.glob("*.yaml"))


def survey(name):
    return Survey.from_config(yaml.safe_load((CONF / f"{name}.yaml").read_text()))


@pytest.fixture
def view():
    return View(survey("sdss"), 32, 0.5)


@pytest.fixture(scope="module")
def galaxies():
    return [draw(3, index, "balanced") for index in range(24)]


def of_family(family, mix="balanced"):
    return next(g for g in (draw(1, index, mix) for index in range(2000)) if g.family == family)


def test_no_picture_depends_on_its_company(galaxies, view):
    together = observe(galaxies, view)
    assert together.shape == (24, 32, 32, 3)
    assert together.dtype == np.uint8
    backwards = observe(galaxies[::-1], view)[::-1]
    alone = np.concatenate([observe([galaxy], view) for galaxy in galaxies])
    np.testing.assert_array_equal(backwards, together)
    np.testing.assert_array_equal(alone, together)


def test_another_survey_before_it_changes_nothing(galaxies, view):
    first = observe(galaxies[:4], view)
    observe(galaxies[:4], replace(view, survey=survey("hst")))
    np.testing.assert_array_equal(observe(galaxies[:4], view), first)


SCRIPT = """
import sys, hashlib, yaml
from pathlib import Path
from selfsup.sky.observe import observe
from selfsup.sky.population import draw
from selfsup.sky.survey import Survey
from selfsup.sky.view import View
view = View(Survey.from_config(yaml.safe_load(Path(sys.argv[1]).read_text())), 32, 0.5)
print(hashlib.sha256(observe([draw(3, i, "balanced") for i in range(24)], view).tobytes()).hexdigest())
"""


def test_another_process_draws_the_same_bytes(galaxies, view):
    here = hashlib.sha256(observe(galaxies, view).tobytes()).hexdigest()
    arguments = [sys.executable, "-c", SCRIPT, str(CONF / "sdss.yaml")]
    there = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


def test_a_batch_drawn_at_once_is_the_same_but_for_the_last_bits(galaxies, view):
    """As on a GPU; here on the processor."""
    together = photograph(galaxies, view)
    alone = np.concatenate([photograph([galaxy], view).numpy() for galaxy in galaxies])
    np.testing.assert_allclose(together.numpy(), alone, rtol=1e-3, atol=1e-3 * np.abs(alone).max())


def test_another_exposure_is_the_same_galaxy_with_other_noise(view):
    galaxy = of_family("elliptical")
    first, again = (observe([galaxy], replace(view, epoch=epoch))[0].astype(float) for epoch in (0, 1))
    assert (first != again).mean() > 0.3
    assert np.corrcoef(first.ravel(), again.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["sdss", "decals", "hst"])
def test_every_family_is_seen_by_every_kind_of_survey(family, name):
    galaxy = of_family(family)
    picture = observe([galaxy], View(survey(name), 32, 0.5))[0]
    if family != "artifact":
        middle, edge = picture[12:20, 12:20].mean(), picture[:3].mean()
        assert middle > edge + 5


@pytest.mark.parametrize("name", SURVEYS)
def test_the_same_galaxy_is_seen_by_every_survey(name):
    """Not the same pixels: but brighter in the middle, and where it is bright elsewhere it is bright here."""
    galaxy = of_family("spiral")
    seen = observe([galaxy], View(survey(name), 32, 0.5, redshift=0.05))[0].astype(float).mean(2)
    sdss = observe([galaxy], View(survey("sdss"), 32, 0.5, redshift=0.05))[0].astype(float).mean(2)
    assert np.corrcoef(seen.ravel(), sdss.ravel())[0, 1] > 0.7


def test_a_galaxy_farther_away_is_fainter_and_no_sharper():
    galaxy = of_family("spiral")
    near, far = (View(survey("des"), 32, 0.5, redshift=z).appearance(galaxy).flux[1] for z in (0.05, 0.6))
    assert far < 0.05 * near


def test_nothing_to_draw_is_an_empty_batch(view):
    assert observe([], view).shape == (0, 32, 32, 3)


@pytest.mark.parametrize(("key", "value"), [("size_px", 33), ("size_px", 8), ("crop", 0.0), ("redshift", 9.0)])
def test_what_cannot_be_drawn_is_refused(view, key, value):
    with pytest.raises(ConfigError, match=key):
        replace(view, **{key: value})
