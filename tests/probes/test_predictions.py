"""What probes predict of each galaxy says the same as their scores."""

import numpy as np
import pytest

from selfsup.catalogue import Catalogue
from selfsup.probes.knn import KNN
from selfsup.probes.linear import Linear
from selfsup.probes.parameters import Parameters
from selfsup.probes.predictions import chances
from selfsup.probes.regression import Regression
from selfsup.probes.rings import Rings
from selfsup.probes.votes import Votes


def catalogue(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5)).astype(np.float32)
    place = (x[:, 0] + 0.5 * rng.normal(size=n) > 0).astype(int) + (x[:, 1] > 1)
    kind = np.array(["disk", "ring", "spiral"], dtype=object)[place]
    share = 1 / (1 + np.exp(-x[:, 1] + 0.3 * rng.normal(size=n)))
    mass = np.where(rng.random(n) < 0.7, x[:, 2] + 0.1 * rng.normal(size=n), np.nan)
    columns = {"kind": kind, "mass": mass, "smooth_share": share, "disc_share": 1 - share}
    return Catalogue.from_arrays([f"{seed}-{i:03}" for i in range(n)], x, columns, {})


@pytest.fixture(scope="module")
def parts():
    return catalogue(150, 1), catalogue(80, 2)


def known(test, scores, column):
    """The column's values of the galaxies that something is predicted of, in that order."""
    place = {galaxy: row for row, galaxy in enumerate(test.ids)}
    return test.column(column)[[place[galaxy] for galaxy in scores.predictions.ids]]


@pytest.mark.parametrize(
    "probe", [Linear("kind", [0.1, 1.0], False, 0.2, 200), KNN("kind", [3, 9], 0.07, 0.2, 32)], ids=["linear", "knn"]
)
def test_the_likeliest_class_is_what_was_scored(probe, parts):
    train, test = parts
    scores = probe(train, test)
    table = np.stack([scores.predictions.columns[f"kind={name}"] for name in scores.classes], axis=1)
    np.testing.assert_allclose(table.sum(axis=1), 1.0, rtol=1e-5)
    said = np.array(scores.classes, dtype=object)[table.argmax(axis=1)]
    assert (said == known(test, scores, "kind")).mean() == pytest.approx(scores.metrics["accuracy"])


def test_rings_are_found_where_their_chance_is_above_one_half(parts):
    train, test = parts
    scores = Rings("kind", [8], 5, 0.1, "ring", 200)(train, test)
    (name,) = scores.predictions.columns
    found, true = scores.predictions.columns[name] > 0.5, known(test, scores, "kind") == "ring"
    assert name == "kind=ring"
    assert 2 * (found & true).sum() / (found.sum() + true.sum()) == pytest.approx(scores.metrics["f1_all"])


def test_numbers_are_those_that_were_scored(parts):
    train, test = parts
    scores = Regression("mass", [1.0], 0.2)(train, test)
    error = scores.predictions.columns["mass"] - known(test, scores, "mass")
    assert np.abs(error).mean() == pytest.approx(scores.metrics["mae"])
    scores = Parameters(["mass", "smooth_share"], [1.0], 0.2)(train, test)
    assert scores.predictions.ids == test.ids  # also of galaxies whose number nobody knows
    for column, said in scores.predictions.columns.items():
        assert np.nanmean(np.abs(said - test.column(column))) == pytest.approx(scores.metrics[f"mae_{column}"])


def test_shares_are_those_that_were_scored(parts):
    train, test = parts
    scores = Votes("_share", [1.0], 0.2)(train, test)
    errors = [np.abs(said - known(test, scores, c)).mean() for c, said in scores.predictions.columns.items()]
    assert np.mean(errors) == pytest.approx(scores.metrics["mae"])


def test_chances_are_named_by_their_class():
    named = chances("label", ("0", "1"), np.array([[0.2, 0.8]]))
    assert {name: values.tolist() for name, values in named.items()} == {"label=0": [0.2], "label=1": [0.8]}
