"""The arithmetic of few seeds, against scipy, against counting by hand, and against simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from selfsup.report.statistics import (
    holm,
    interval,
    paired,
    rank_correlation,
    sign_flip,
    smallest_effect,
    what_n_can_show,
)

ONE = {"0": 0.81, "1": 0.84, "2": 0.80, "3": 0.86}
OTHER = {"0": 0.78, "1": 0.83, "2": 0.79, "4": 0.1}


def test_the_interval_is_that_of_student():
    values = [0.1, 0.4, 0.3]
    found = interval(values)
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert (found.low, found.high, found.n) == (pytest.approx(low), pytest.approx(high), 3)
    assert found.std == pytest.approx(np.std(values, ddof=1))


def test_one_value_has_no_interval_and_none_no_mean():
    alone = interval([0.7])
    assert alone.mean == 0.7
    assert math.isnan(alone.low)
    assert math.isnan(interval([]).mean)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    drawn = np.random.default_rng(0).normal(2.0, 1.0, (2000, 3))
    held = [each.low <= 2.0 <= each.high for each in map(interval, drawn.tolist())]
    assert 0.935 < np.mean(held) < 0.965


def test_methods_are_compared_over_the_seeds_that_both_have():
    found = paired(ONE, OTHER)
    assert found.difference.n == 3
    assert found.difference.mean == pytest.approx(0.05 / 3)
    reference = stats.ttest_rel([0.81, 0.84, 0.80], [0.78, 0.83, 0.79])
    assert found.p_t == pytest.approx(reference.pvalue)
    assert found.p_flip == pytest.approx(0.25)  # the least that three can give


def test_nothing_in_common_is_no_test():
    found = paired({"0": 1.0}, {"1": 2.0})
    assert found.difference.n == 0
    assert math.isnan(found.p_t)
    assert math.isnan(found.p_flip)


@pytest.mark.parametrize(("differences", "p"), [([0.2, 0.2, 0.2], 0.0), ([0.0, 0.0], 1.0)])
def test_differences_without_spread_need_no_division(differences, p):
    found = paired({str(i): d for i, d in enumerate(differences)}, dict.fromkeys(map(str, range(3)), 0.0))
    assert found.p_t == p


def test_sign_flips_are_counted_to_the_last():
    differences = np.array([0.3, -0.1, 0.25, 0.4, 0.05])
    signs = itertools.product([1, -1], repeat=5)
    expected = np.mean([abs(np.dot(s, differences)) >= abs(differences.sum()) - 1e-12 for s in signs])
    assert sign_flip(differences) == pytest.approx(expected)


def test_many_differences_are_flipped_at_random_but_never_to_certainty():
    certain = sign_flip(np.ones(40))
    assert 0 < certain < 1e-3
    unsure = np.random.default_rng(1).normal(0, 1, 40)
    unsure -= unsure.mean()
    assert sign_flip(unsure + 1e-9) > 0.9


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, math.nan]) == pytest.approx([0.03, 0.06, 0.06, math.nan], nan_ok=True)
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_ranks_not_values_are_correlated():
    one = {"a": 1.0, "b": 2.0, "c": 300.0, "d": 5.0}
    other = {"a": 0.1, "b": 0.2, "c": 0.9, "d": 0.3, "e": 0.0}
    assert rank_correlation(one, other) == (pytest.approx(1.0), 4)
    assert math.isnan(rank_correlation({"a": 1.0, "b": 2.0}, other)[0])
    assert math.isnan(rank_correlation(dict.fromkeys("abcd", 1.0), other)[0])


@pytest.mark.parametrize("n", [3, 10])
def test_the_smallest_effect_is_found_in_four_of_five_simulations(n):
    drawn = np.random.default_rng(0).normal(smallest_effect(n), 1.0, (4000, n))
    found = stats.ttest_1samp(drawn, 0.0, axis=1).pvalue < 0.05
    assert 0.77 < found.mean() < 0.83


def test_what_three_seeds_can_show_is_said():
    said = what_n_can_show(3)
    assert "reaches 2.48 standard deviations" in said
    assert "p = 0.25, so that it needs 6" in said
    assert "needs" not in what_n_can_show(8)
    assert "neither an interval nor a test" in what_n_can_show(1)
