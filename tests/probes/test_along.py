"""Scores in bins: which galaxies a bin has, and what its interval promises."""

import numpy as np
import pytest
from scipy.stats import norm

from selfsup.probes.along import Uncertainty, edges, shares_along, statistic_along

CERTAIN = Uncertainty(level=0.95, draws=400, seed=0)


def test_bins_have_equal_numbers_and_leave_nobody_out():
    magnitude = np.random.default_rng(0).normal(17, 1, 600)
    ends = edges(np.r_[magnitude, np.nan], 6)
    assert len(ends) == 7
    found = shares_along(np.ones(601, dtype=bool), np.r_[magnitude, np.nan], ends, 0.95)
    assert [one.galaxies for one in found] == [100] * 6
    assert found[0].low == magnitude.min()
    assert found[-1].high == magnitude.max()
    assert all(one.low <= one.at <= one.high for one in found)


def test_whole_numbers_have_a_bin_each():
    stage = np.array([-5.0, -5, 0, 1, 1, 1, 4])
    found = shares_along(stage > 0, stage, edges(stage, 3), 0.95)
    assert [(one.at, one.galaxies, one.score) for one in found] == [(-5, 2, 0), (0, 1, 0), (1, 3, 1), (4, 1, 1)]
    assert len(shares_along(np.ones(3, dtype=bool), np.full(3, 2.0), edges(np.full(3, 2.0), 5), 0.95)) == 1


def test_a_share_has_the_interval_of_wilson():
    hit = np.arange(20) < 18
    (one,) = shares_along(hit, np.zeros(20), np.array([-1.0, 1.0]), 0.95)
    z, n, p = norm.ppf(0.975), 20, 0.9
    middle, half = (p + z**2 / (2 * n)), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert one.score == 0.9
    assert one.lower == pytest.approx((middle - half) / (1 + z**2 / n))
    assert one.upper == pytest.approx((middle + half) / (1 + z**2 / n))
    (sure,) = shares_along(np.ones(20, dtype=bool), np.zeros(20), np.array([-1.0, 1.0]), 0.95)
    assert 0.8 < sure.lower < sure.score == sure.upper == 1.0


def test_a_mean_has_an_interval_as_wide_as_its_error():
    error = np.random.default_rng(0).normal(2.0, 1.0, 500)
    (one,) = statistic_along(error, np.zeros(500), np.array([-1.0, 1.0]), np.mean, CERTAIN)
    assert one.score == pytest.approx(error.mean())
    assert one.upper - one.lower == pytest.approx(2 * 1.96 / np.sqrt(500), rel=0.15)
    (again,) = statistic_along(error, np.zeros(500), np.array([-1.0, 1.0]), np.mean, CERTAIN)
    assert again == one


def test_a_single_galaxy_has_no_interval_and_an_empty_bin_is_none():
    found = statistic_along(np.array([3.0, 1, 2]), np.array([0.5, 9, 9]), np.array([0.0, 1, 5, 10]), np.std, CERTAIN)
    assert [(one.low, one.galaxies, one.score) for one in found] == [(0, 1, 0), (5, 2, 0.5)]
    assert np.isnan(found[0].lower)
    assert np.isfinite(found[1].lower)
