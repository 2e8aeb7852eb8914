"""The held-out part depends on ids alone, is stratified, and is not the survey's own checksum."""

import zlib

import numpy as np
import pytest

from selfsup.probes.split import hashed, inner_validation, require_positive, require_share
from selfsup.types import ConfigError, DataError

IDS = [f"J{i:06d}" for i in range(1000)]


def test_share_of_each_class_is_held_out():
    strata = np.array([0] * 900 + [1] * 95 + [2] * 4 + [3])
    held_out = inner_validation(IDS, strata, 0.2)
    assert [int(held_out[strata == k].sum()) for k in range(4)] == [180, 19, 1, 0]


def test_never_all_of_a_class():
    assert inner_validation(IDS[:2], np.zeros(2), 0.9).sum() == 1


def test_follows_the_ids_not_the_rows():
    order = np.random.default_rng(0).permutation(len(IDS))
    strata = np.arange(len(IDS)) % 3
    before = inner_validation(IDS, strata, 0.2)
    after = inner_validation([IDS[i] for i in order], strata[order], 0.2)
    assert np.array_equal(after, before[order])


def test_salts_and_checksums_are_unrelated():
    a, b = hashed(IDS, "draw 0"), hashed(IDS, "draw 1")
    crc = np.array([zlib.crc32(name.encode()) % 10 for name in IDS])
    assert len(np.unique(a)) == len(IDS)
    assert abs(np.corrcoef(a.astype(float), b.astype(float))[0, 1]) < 0.15
    held_out = inner_validation(IDS, np.zeros(len(IDS)), 0.2)
    # Within every remainder of the checksum about a fifth is held out, none or all of it nowhere.
    shares = [held_out[crc == remainder].mean() for remainder in range(10)]
    assert min(shares) > 0.05
    assert max(shares) < 0.4


def test_nothing_to_hold_out_is_refused():
    with pytest.raises(DataError, match="two galaxies"):
        inner_validation(IDS[:3], np.arange(3), 0.2)


@pytest.mark.parametrize("share", [0, 1, -0.1, 2])
def test_share_is_inside_the_unit_interval(share):
    with pytest.raises(ConfigError, match=r"probe\.x\.share"):
        require_share(share, "probe.x.share")


@pytest.mark.parametrize("values", [[], [1, 0], [-1]])
def test_grids_are_positive(values):
    with pytest.raises(ConfigError, match=r"probe\.x\.cs"):
        require_positive(values, "probe.x.cs")


def test_grids_are_sorted_and_unique():
    assert require_positive([10, 1, 10], "probe.x.cs") == [1, 10]
