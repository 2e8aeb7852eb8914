"""A population from votes: fractions of those asked, shares with intervals, means along a quantity."""

import numpy as np
import pytest
from scipy.stats import binomtest

from selfsup.analysis.census import (
    expected,
    fractions,
    known_rows,
    mean_along,
    opinions,
    share_along,
    wilson,
)
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError, DataError


@pytest.fixture
def catalogue():
    columns = {
        "bar_yes_mean": np.array([0.75, 0.5, 0.0]),
        "bar_no_mean": np.array([0.25, 0.5, 1.0]),
        "bar_yes_share": np.array([0.3, 0.0, np.nan]),
        "bar_no_share": np.array([0.1, 0.0, np.nan]),
        "bar-size_large_mean": np.array([1.0, 0.0, 0.5]),
    }
    return Catalogue.from_arrays(["a", "b", "c"], np.zeros((3, 1)), columns, {})


def test_fractions_are_of_those_who_were_asked(catalogue):
    assert opinions(catalogue, "bar") == ["model", "volunteers"]
    assert opinions(catalogue, "bar-size") == ["model"]
    np.testing.assert_allclose(fractions(catalogue, "bar", "volunteers")["yes"], [0.75, np.nan, np.nan])
    np.testing.assert_allclose(fractions(catalogue, "bar", "model")["no"], [0.25, 0.5, 1.0])
    with pytest.raises(DataError, match=r"no votes on 'bra'.*it has: bar, bar-size"):
        opinions(catalogue, "bra")


def test_answers_with_an_order_have_a_mean(catalogue):
    said = fractions(catalogue, "bar", "model")
    np.testing.assert_allclose(expected(said, {"yes": 1.0, "no": -1.0}, "task.x"), [0.5, 0.0, -1.0])
    with pytest.raises(ConfigError, match=r"task\.x: 'yse' is no answer.*there are: yes, no"):
        expected(said, {"yse": 1.0}, "task.x")


@pytest.mark.parametrize(("found", "count"), [(0, 10), (3, 10), (10, 10), (500, 1000)])
def test_the_interval_is_wilson_s(found, count):
    known = binomtest(found, count).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(found, count), [known.low, known.high], atol=1e-12)


def test_bins_hold_equally_many_and_find_what_was_put_there():
    rng = np.random.default_rng(0)
    along = rng.uniform(0, 1, 4000)
    bins = share_along(rng.random(4000) < along, along, 8, 20)
    assert [each.count for each in bins] == [500] * 8
    np.testing.assert_allclose([each.at for each in bins], (np.arange(8) + 0.5) / 8, atol=0.02)
    assert sum(each.low <= each.at <= each.high for each in bins) >= 6
    means = mean_along(2 * along + rng.normal(0, 0.1, 4000), along, 8, 20)
    assert sum(each.low <= 2 * each.at <= each.high for each in means) >= 6


def test_few_galaxies_make_few_bins_and_unknown_ones_none():
    along = np.array([1.0, np.nan, 2.0, 3.0, 4.0, np.nan])
    assert [each.count for each in mean_along(np.arange(6.0), along, 8, 2)] == [2, 2]
    assert share_along(np.zeros(6, dtype=bool), along, 8, 20) == []
    assert known_rows([along], np.array([True, True, False, True, True, True])).tolist() == [0, 3, 4]
