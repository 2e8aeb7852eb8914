"""Columns of several files in one."""

import numpy as np

from selfsup.data.columns import joined


def test_a_column_that_a_file_lacks_is_missing_there():
    columns = joined([(2, {"z": np.array([1.0, 2.0])}), (1, {"kind": np.array(["a"], dtype=object)})])
    np.testing.assert_array_equal(columns["z"], [1, 2, np.nan])
    assert columns["kind"].tolist() == ["", "", "a"]


def test_a_column_that_is_text_anywhere_is_text():
    columns = joined([(2, {"tile": np.array([7.0, np.nan])}), (1, {"tile": np.array(["08"], dtype=object)})])
    assert columns["tile"].tolist() == ["7", "", "08"]
