import numpy as np
import pytest

from selfsup.data.labels import read_label
from selfsup.types import DataError


def columns(**given):
    return {
        name: np.array(column, dtype=object if isinstance(column[0], str) else np.float64)
        for name, column in given.items()
    }


def test_a_class_becomes_its_index():
    label, shown = read_label(columns(kind=["b", "", "a", "b"]), "kind", ["a", "b"], (), "here")
    np.testing.assert_array_equal(label, [1, -1, 0, 1])
    assert label.dtype == np.int64
    assert shown.tolist() == ["b", "", "a", "b"]


def test_numbers_index_classes_that_are_words():
    label, shown = read_label(columns(ring=[1.0, 0.0, np.nan]), "ring", ["no-ring", "ring"], (), "here")
    np.testing.assert_array_equal(label, [1, 0, -1])
    assert shown.tolist() == ["ring", "no-ring", ""]


def test_numbers_are_matched_with_classes_that_are_numbers():
    label, _ = read_label(columns(arms=[2.0, 1.0]), "arms", ["1", "2"], (), "here")
    np.testing.assert_array_equal(label, [1, 0])
    with pytest.raises(DataError, match="has 0, not among"):
        read_label(columns(arms=[0.0, 1.0, 2.0]), "arms", ["1", "2"], (), "here")


def test_a_value_becomes_a_float():
    label, shown = read_label(columns(t=[-2.0, np.nan, 5.5]), "t", None, (), "here")
    assert label.dtype == np.float32
    np.testing.assert_array_equal(label, [-2.0, np.nan, 5.5])
    np.testing.assert_array_equal(shown, [-2.0, np.nan, 5.5])


def test_values_that_stand_for_no_class_are_unknown_unless_they_are_named():
    kinds = columns(kind=["a", "b", "artifact"])
    label, _ = read_label(kinds, "kind", ["a", "b"], ["artifact"], "here")
    np.testing.assert_array_equal(label, [0, 1, -1])
    named, _ = read_label(kinds, "kind", ["a", "b", "artifact"], ["artifact"], "here")
    np.testing.assert_array_equal(named, [0, 1, 2])


@pytest.mark.parametrize(
    ("column", "classes", "said"),
    [
        ("knd", ["a", "b"], r"no column 'knd' \(did you mean 'kind'\?\); there are: kind, same, none, z"),
        ("kind", ["a"], "has b, not among.*values there are: a, b"),
        ("kind", ["a", "a", "b"], "twice"),
        ("kind", None, r"holds text.*data\.classes=\[\.\.\.\], from a, b"),
        ("same", ["a", "b"], "only 'a'"),
        ("none", ["a", "b"], "no value at all"),
        ("z", None, "only"),
    ],
)
def test_a_label_that_cannot_be_learnt_is_an_error_that_says_why(column, classes, said):
    found = columns(kind=["a", "b"], same=["a", "a"], none=["", ""], z=[1.0, 1.0])
    with pytest.raises(DataError, match=said):
        read_label(found, column, classes, (), "here")
