"""The factor of labels saved: against a curve whose answer is known, and where only a bound is."""

import math

import numpy as np
import pytest

from selfsup.report.labels_saved import labels_saved

LABELS = (8, 32, 128)


def curve(score, draws=5, noise=0.0, seed=0):
    """Score as a function of log2 n, with the scatter of draws."""
    luck = (
        np.random.default_rng(seed).normal(0, noise, (len(LABELS), draws)) if noise else np.zeros((len(LABELS), draws))
    )
    return {n: (score(math.log2(n)) + luck[i]).tolist() for i, n in enumerate(LABELS)}


def plain(x):
    return 0.5 + 0.05 * x


def test_a_start_that_is_worth_four_times_the_labels():
    found = labels_saved(curve(plain), curve(lambda x: plain(x + 2)))
    assert found[8].factor == pytest.approx(4)
    assert found[32].factor == pytest.approx(4)
    assert (found[8].low, found[8].high) == pytest.approx((4, 4))


def test_between_the_points_it_is_linear_in_the_logarithm():
    found = labels_saved(curve(plain), curve(lambda x: plain(x + 1)))
    assert found[8].factor == pytest.approx(2)


def test_what_the_plain_start_never_reaches_is_a_bound():
    found = labels_saved(curve(plain), curve(lambda x: 0.99))
    assert math.isinf(found[8].factor)
    assert str(found[8]) == "more than 16 (more than 16 to more than 16)"


def test_a_start_that_is_worse_than_the_fewest_labels():
    found = labels_saved(curve(plain), curve(lambda x: 0.1))
    assert found[32].factor == 0
    assert str(found[32]).startswith("less than 0.25")


def test_a_plain_curve_that_falls_is_taken_at_its_height():
    falling = {8: [0.6] * 5, 32: [0.8] * 5, 128: [0.7] * 5}
    assert math.isinf(labels_saved(falling, {8: [0.85] * 5})[8].factor)
    assert labels_saved(falling, {8: [0.8] * 5})[8].factor == pytest.approx(4)


def test_the_interval_holds_the_factor_and_opens_with_the_luck_of_draws():
    wide = labels_saved(curve(plain, noise=0.03), curve(lambda x: plain(x + 1), noise=0.03, seed=1))[8]
    narrow = labels_saved(curve(plain, noise=0.003), curve(lambda x: plain(x + 1), noise=0.003, seed=1))[8]
    assert wide.low <= wide.factor <= wide.high
    assert narrow.low <= 2 * 1.2
    assert narrow.high >= 2 / 1.2
    assert narrow.high - narrow.low < wide.high - wide.low


def test_curves_of_other_draws_cannot_be_compared():
    with pytest.raises(ValueError, match=r"curves of \[5, 6\] draws"):
        labels_saved(curve(plain), curve(plain, draws=6))
