"""Each artefact does what its name says, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from selfsup.sky import artifacts
from selfsup.sky.galaxy import Artifact
from selfsup.sky.survey import Survey

SURVEYS = Path(__file__).parents[2] / "conf" / "survey"
FLUX = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))


def survey(name="sdss"):
    return Survey.from_config(yaml.safe_load((SURVEYS / f"{name}.yaml").read_text()))


def spoiled(kind, *numbers, name="sdss", pixel=0.5):
    return artifacts.apply(FLUX, Artifact(kind, numbers), pixel, survey(name))


def test_star():
    added = spoiled("star", 0.9, 0.5, 0.5, 0.0) - FLUX
    row, column = divmod(int(added[1].argmax()), 64)
    assert column > 40
    assert 28 <= row <= 35
    magnitude = 22.5 - 2.5 * np.log10(float(added[1].sum()) * (0.5 / 0.396) ** 2)
    assert magnitude == pytest.approx(12.0, abs=0.2)
    spike, gap = added[1, row, column - 24], added[1, row + 17, column - 17]  # equally far
    assert spike > 1.5 * gap > 0


def test_missing():
    for share, wanted in ((0.0, 0.15), (0.999, 0.65)):
        gone = spoiled("missing", share, 0.3, 0.8, 0.0) == 0
        assert float(gone.float().mean()) == pytest.approx(wanted, abs=0.03)
        assert torch.equal(gone[0], gone[2])


def test_trail_is_a_straight_line_in_one_band():
    added = spoiled("trail", 0.1, 0.5, 0.5, 0.35) - FLUX
    assert [bool(band.any()) for band in added] == [False, True, False]
    ridge = added[1].argmax(0).float()
    assert float(torch.diff(ridge).float().std()) < 0.6
    assert all(band.any() for band in spoiled("trail", 0.1, 0.5, 0.5, 0.9) - FLUX)


def test_column():
    changed = spoiled("column", 0.5, 0.5, 0.99, 0.5) != FLUX
    assert [bool(band.any()) for band in changed] == [False, False, True]
    columns = changed[2].any(0)
    assert changed[2].all(0).any()
    assert 1 <= int(columns.sum()) <= 9


@pytest.mark.parametrize("number", [0.1, 0.5, 0.9])
def test_a_camera_with_two_filters_spoils_one_of_them(number):
    """Its green band is made of the other two: what is in it alone would not be seen."""
    for kind, numbers in (("column", (0.5, 0.5, number, 0.5)), ("trail", (0.1, 0.5, 0.5, 0.59 * number))):
        changed = spoiled(kind, *numbers, name="hst", pixel=0.08) != FLUX
        assert not changed[1].any()
        assert bool(changed[0].any()) != bool(changed[2].any())


def test_misregistration():
    for number, wanted in ((0.0, 0.8), (0.999, 3.3)):
        shift = artifacts.misregistration(Artifact("misregistered", (number, 0.3, 0.5, 0.5)))
        assert np.hypot(*shift[0]) == pytest.approx(wanted, abs=0.01)
        assert not shift[1].any()
    assert torch.equal(spoiled("misregistered", 0.5, 0.5, 0.5, 0.5), FLUX)
    assert not artifacts.misregistration(Artifact("star", (0.5, 0.5, 0.5, 0.5))).any()


@pytest.mark.parametrize("kind", ["star", "missing", "trail", "column", "misregistered"])
@pytest.mark.parametrize("name", ["decals", "hst"])
def test_every_number_gives_a_finite_image(kind, name):
    for numbers in ((0.0,) * 4, (0.9999,) * 4, (0.2, 0.7, 0.4, 0.59)):
        found = spoiled(kind, *numbers, name=name, pixel=0.08)
        assert found.shape == FLUX.shape
        assert torch.isfinite(found).all()
