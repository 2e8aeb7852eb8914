"""What counts as a label, and in which order classes stand."""

import numpy as np
import pytest

from selfsup.catalogue import Catalogue
from selfsup.probes.rows import read_classes, read_numbers
from selfsup.types import DataError


def catalogue(**columns):
    n = len(next(iter(columns.values())))
    return Catalogue.from_arrays([f"g{n - i}" for i in range(n)], np.arange(2 * n).reshape(n, 2), columns, {})


def test_text_classes_sorted_by_name_rows_by_id():
    part = catalogue(kind=["spiral", "", "bar", "spiral"])
    train, _, names = read_classes(part, part, "kind", "probe.x.column")
    assert names == ("bar", "spiral")
    assert train.ids == ["g1", "g2", "g4"]
    assert train.target.tolist() == [1, 0, 1]
    assert train.features.tolist() == [[6, 7], [4, 5], [0, 1]]


def test_whole_numbers_sorted_by_value_and_minus_one_is_unknown():
    part = catalogue(label=[10.0, 2.0, -1.0, np.nan])
    train, _, names = read_classes(part, part, "label", "probe.x.column")
    assert names == ("2", "10")
    assert train.target.tolist() == [0, 1]


def test_a_class_only_in_test_keeps_its_name():
    _, test, names = read_classes(catalogue(k=["a", "c"]), catalogue(k=["b", "c"]), "k", "probe.x.column")
    assert names == ("a", "b", "c")
    assert sorted(test.target.tolist()) == [1, 2]


def test_fractions_are_not_classes():
    part = catalogue(redshift=[0.1, 0.2, 0.3])
    with pytest.raises(DataError, match=r"0\.1.*probe=regression"):
        read_classes(part, part, "redshift", "probe.x.column")


def test_text_is_not_a_number():
    part = catalogue(kind=["a", "b"])
    with pytest.raises(DataError, match="is text"):
        read_numbers(part, part, ["kind"], "probe.x.column")


def test_only_rows_with_every_number_stay():
    part = catalogue(a=[1.0, np.nan, 3.0, 4.0], b=[5.0, 6.0, np.nan, 8.0])
    train, _ = read_numbers(part, part, ["a", "b"], "probe.x.column")
    assert train.ids == ["g1", "g4"]
    assert train.target.tolist() == [[4, 8], [1, 5]]


def test_the_emptiest_column_is_named():
    part = catalogue(a=[1.0, 2.0], b=[np.nan, np.nan])
    with pytest.raises(DataError, match=r"0 of 2 rows.*'b' has fewest"):
        read_numbers(part, part, ["a", "b"], "probe.x.suffix")
