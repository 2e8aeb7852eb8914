"""Ridge to several columns: each on the galaxies that have it, and none that says nothing."""

import logging

import numpy as np
import pytest

from selfsup.catalogue import Catalogue
from selfsup.probes.parameters import Parameters
from selfsup.probes.regression import Regression
from selfsup.types import ConfigError, DataError

YAML = {"alphas": [1e-4, 1.0, 1e4], "validation_share": 0.2}


@pytest.fixture
def parts():
    """Columns -> train of 200 and test of 100 galaxies: pitch is linear in the embedding and missing in a third."""
    generator = np.random.default_rng(0)

    def made(**more):
        found = []
        for prefix, count in (("a", 200), ("b", 100)):
            x = generator.normal(size=(count, 6)).astype(np.float32)
            pitch = x @ np.arange(6) + generator.normal(0, 0.3, count)
            pitch[::3] = np.nan
            columns = {"pitch": pitch, "noise": generator.normal(size=count)}
            columns |= {name: values(count) for name, values in more.items()}
            found.append(Catalogue.from_arrays([f"{prefix}{i:03}" for i in range(count)], x, columns, {}))
        return found

    return made


def test_each_column_is_scored_as_if_it_were_alone(parts):
    train, test = parts()
    found = Parameters(["pitch", "noise"], **YAML)(train, test).metrics
    assert set(found) == {"r2_pitch", "mae_pitch", "r2_noise", "mae_noise"}
    for column in ("pitch", "noise"):
        alone = Regression(column, **YAML)(train, test).metrics
        assert found[f"r2_{column}"] == alone["r2"]
        assert found[f"mae_{column}"] == alone["mae"]
    assert found["r2_pitch"] > 0.95
    assert found["r2_noise"] < 0.2


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (lambda count: np.where(np.arange(count) < 19, np.arange(count), np.nan), "19 galaxies of train have it"),
        (
            lambda count: np.where(np.arange(count) < count - 96, np.arange(count), np.nan),
            "4 galaxies of test",
        ),
        (lambda count: np.full(count, 0.6), "it is 0.6 for all of train"),
    ],
)
def test_a_column_that_says_nothing_is_left_out_and_logged(values, says, parts, caplog):
    with caplog.at_level(logging.INFO):
        found = Parameters(["rare", "noise"], **YAML)(*parts(rare=values)).metrics
    assert set(found) == {"r2_noise", "mae_noise"}
    assert f"'rare' is left out: {says}" in caplog.text


def test_a_column_that_is_missing_or_text_is_an_error(parts):
    train, test = parts(family=lambda count: np.array(["spiral"] * count, dtype=object))
    with pytest.raises(DataError, match=r"no column 'ptich'.*probe\.parameters\.columns"):
        Parameters(["ptich"], **YAML)(train, test)
    with pytest.raises(DataError, match=r"'family'.* is text"):
        Parameters(["family"], **YAML)(train, test)


def test_no_column_is_an_error():
    with pytest.raises(ConfigError, match=r"probe\.parameters\.columns=\[\]"):
        Parameters([], **YAML)
