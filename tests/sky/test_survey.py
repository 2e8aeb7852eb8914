"""Every survey on disk is one, and says so in the way that others rely on."""

import math
from pathlib import Path

import pytest
import yaml

from selfsup.sky.stretch import lupton_parameters
from selfsup.sky.survey import Survey
from selfsup.types import ConfigError

FILES = sorted((Path(__file__).parents[2] / "conf" / "survey").glob("*.yaml"))
NUMBERS = {"sdss": 0, "decals": 1, "des": 2, "hsc": 3, "lsst": 4, "hst": 5, "euclid": 6}


def values(name):
    return yaml.safe_load((FILES[0].parent / f"{name}.yaml").read_text())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_reads(file):
    survey = Survey.from_config(yaml.safe_load(file.read_text()))
    assert survey.name == file.stem
    assert all(0 < sigma < 1 for sigma in survey.noise_sigma())
    assert survey.moffat_beta == (2.5 if survey.fwhm_arcsec[2] < 0.3 else 3.5)
    if survey.stretch == "lupton":
        alpha, q = lupton_parameters(survey)
        assert alpha > 0
        assert 1 < q < 30


def test_numbers_are_frozen():
    """They choose the random streams: changing one changes every image of the survey."""
    found = {file.stem: Survey.from_config(yaml.safe_load(file.read_text())).number for file in FILES}
    assert {name: found[name] for name in NUMBERS} == NUMBERS
    assert len(set(found.values())) == len(found)


def test_noise_of_sdss():
    """0.033 nanomaggies per pixel in r: also what a sky of 24.2 mag / arcsec^2 at one sigma would give."""
    sigma = Survey.from_config(values("sdss")).noise_sigma()[1]
    assert sigma == pytest.approx(0.033, rel=0.02)
    per_arcsec = 22.5 - 2.5 * math.log10(sigma / 0.396**2)
    assert per_arcsec == pytest.approx(24.2, abs=0.1)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("stretch", "lupton2", "survey.stretch=lupton2"),
        ("moffat_beta", 3.0, "survey.moffat_beta=3.0"),
        ("fwhm_arcsec", [1.0, 0.0, 1.0], "survey.fwhm_arcsec"),
        ("bands", ["g", "r"], "survey.bands"),
        ("pixel_arcsecs", 1.0, "pixel_arcsec"),
    ],
)
def test_refuses(key, value, message):
    with pytest.raises(ConfigError, match=message):
        Survey.from_config({**values("sdss"), key: value})


def test_refuses_what_is_not_said():
    incomplete = values("sdss")
    del incomplete["depth_mag"]
    with pytest.raises(ConfigError, match="depth_mag: not set"):
        Survey.from_config(incomplete)
