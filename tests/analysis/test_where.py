"""Conditions on columns, against the same in plain Python; whatever else is said is refused."""

import numpy as np
import pyarrow as pa
import pytest

from selfsup.analysis.where import parse_where
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError, DataError

NAN = float("nan")
BATCH = pa.table(
    {
        "small": pa.array([1, 2, 3, None, 127], pa.int8()),
        "share": pa.array([0.1, 0.5, NAN, None, 0.9]),
        "count": pa.array([1, 2, 3, None, 2**60 + 1]),
        "kind": pa.array(["spiral", "lens", "", None, "o'neil; --"]),
        "coded": pa.array(["a", "b", None, "a", "c"]).dictionary_encode(),
        "seen": pa.array([True, False, True, None, False]),
    }
)


@pytest.mark.parametrize(
    ("said", "met"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"share": [0.5, None]}, [1, 4]),
        ({"share": [None, 0.5]}, [0, 1]),
        ({"share": [0.5, 0.5]}, [1]),
        ({"share": 0.9}, [4]),
        ({"count": [2, 3]}, [1, 2]),
        ({"count": [1.5, None]}, [1, 2, 4]),
        ({"count": 2**60 + 1}, [4]),
        ({"count": [2**60, 1e30]}, [4]),
        ({"small": {"any": [1, 1000]}}, [0]),
        ({"small": [-1e30, 2.5]}, [0, 1]),
        ({"count": {"any": [2.0, 3.5]}}, [1]),
        ({"count": {"any": [1, 3, 7]}}, [0, 2]),
        ({"kind": "spiral"}, [0]),
        ({"kind": {"any": ["lens", "o'neil; --"]}}, [1, 4]),
        ({"coded": "a"}, [0, 3]),
        ({"seen": True}, [0, 2]),
        ({"seen": False, "share": [0.6, None]}, [4]),
    ],
)
def test_galaxies_that_meet_conditions(said, met):
    assert np.flatnonzero(parse_where(said).mask(BATCH)).tolist() == met


@pytest.mark.parametrize(
    "said",
    [
        {"share": [0.5]},
        {"share": [None, None]},
        {"share": ["a", "b"]},
        {"share": [0.6, 0.5]},
        {"share": [NAN, 1]},
        {"share": NAN},
        {"share": [0, float("inf")]},
        {"share": None},
        {"kind": ""},
        {"kind": {"any": []}},
        {"kind": {"any": "spiral"}},
        {"kind": {"any": ["spiral", 1]}},
        {"kind": {"none": ["spiral"]}},
        {"kind": {"any": [["spiral"]]}},
    ],
)
def test_what_is_no_condition_is_refused_by_its_key(said):
    with pytest.raises(ConfigError, match=rf"task\.where\.{next(iter(said))}"):
        parse_where(said)


@pytest.fixture
def catalogue(tmp_path):
    columns = {"share": np.arange(30) / 30, "kind": np.array(["a", "b", "c"] * 10, dtype=object)}
    Catalogue.from_arrays([str(i) for i in range(30)], np.ones((30, 2)), columns, {}).save(tmp_path / "c", 7)
    return Catalogue.open(tmp_path / "c")


def test_a_whole_catalogue_is_masked_from_the_columns_alone(catalogue):
    where = parse_where({"share": [0.5, None], "kind": {"any": ["a", "b"]}})
    where.require(catalogue)
    assert np.flatnonzero(where.over(catalogue)).tolist() == [row for row in range(15, 30) if row % 3 < 2]
    assert parse_where({}).over(catalogue).tolist() == [True] * 30


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"shares": [0, 1]}, r"no column 'shares' \(did you mean 'share'\?\)"),
        ({"kind": [0, 1]}, "column 'kind' is string"),
        ({"share": "a"}, "column 'share' is double"),
        ({"share": True}, "column 'share' is double"),
    ],
)
def test_a_column_that_cannot_be_asked_is_named(said, words, catalogue):
    with pytest.raises(DataError, match=words):
        parse_where(said).require(catalogue)
