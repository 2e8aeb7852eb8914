"""What a column knows of which galaxies are interesting."""

import numpy as np
import pytest

from selfsup.analysis.truth import read_truth
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError, DataError


@pytest.fixture
def catalogue():
    columns = {
        "merger": [0.05, 0.61, np.nan, 1.0, 0.6],
        "family": ["spiral", "lens", "", "spiral", "lens"],
        "counts": [3.0, 4, 5, 6, 7],
        "number": [1, 2, 1, 2, 1],
    }
    return Catalogue.from_arrays(list("abcde"), np.eye(5), columns, {})


def test_shares_of_votes(catalogue):
    truth = read_truth(catalogue, {"column": "merger", "above": 0.6})
    np.testing.assert_array_equal(truth.rating, [0, 3, np.nan, 5, 3])
    assert truth.interesting.tolist() == [False, True, False, True, False]
    assert truth.known.tolist() == [True, True, False, True, True]


def test_a_class_by_name_or_number(catalogue):
    truth = read_truth(catalogue, {"column": "family", "class": "lens"})
    np.testing.assert_array_equal(truth.rating, [0, 5, np.nan, 0, 5])
    assert truth.interesting.tolist() == [False, True, False, False, True]
    assert read_truth(catalogue, {"column": "number", "class": 2}).rating.tolist() == [0, 5, 0, 5, 0]


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"column": "family", "class": "lense"}, "did you mean 'lens'"),
        ({"column": "counts", "above": 0.5}, "between 3 and 7"),
        ({"column": "family", "above": 0.5}, "holds text"),
        ({"column": "merger", "above": 1}, "0 of 4"),
        ({"column": "mergers", "above": 0.5}, "no column 'mergers'"),
    ],
)
def test_what_the_catalogue_does_not_know_is_an_error(catalogue, said, match):
    with pytest.raises(DataError, match=match):
        read_truth(catalogue, said)


@pytest.mark.parametrize(
    "said", [{}, {"column": "a"}, {"column": "a", "above": 1, "class": "b"}, {"colum": "a", "above": 1}]
)
def test_other_keys_are_an_error(catalogue, said):
    with pytest.raises(ConfigError, match="write"):
        read_truth(catalogue, said)
