"""Every column becomes one of the few types, and what does not is refused by name."""

import datetime
import re

import numpy as np
import pyarrow as pa
import pytest

from selfsup.types import DataError


@pytest.mark.parametrize(
    ("stored", "kind"),
    [
        (pa.int8(), pa.int16()),
        (pa.uint8(), pa.int16()),
        (pa.int16(), pa.int16()),
        (pa.uint16(), pa.int32()),
        (pa.uint32(), pa.int64()),
        (pa.uint64(), pa.int64()),
        (pa.float16(), pa.float32()),
        (pa.decimal128(9, 2), pa.float64()),
        (pa.large_string(), pa.string()),
        (pa.date32(), pa.string()),
    ],
)
def test_types_become_the_next_of_the_few(stored, kind, catalogue, content):
    values = [datetime.date(2026, 1, 2)] * 5 if stored == pa.date32() else np.arange(5).tolist()
    given = pa.array(list(map(str, values)) if pa.types.is_large_string(stored) else values, type=stored)
    made = content(catalogue(x=given), ["x"])
    assert made.columns[1].kind == kind
    assert pa.concat_tables(made.tables()).column("x").type == kind


def test_dates_are_iso_text_and_missing_text_is_empty(catalogue, content):
    table = pa.concat_tables(content(catalogue(), ["seen", "survey"]).tables())
    assert table["seen"].to_pylist()[1] == "2026-11-20T23:50:01.000000"
    assert table["survey"].to_pylist()[1:3] == ["", ""]


def test_truth_values_of_which_one_is_missing_become_integers(catalogue, content):
    made = content(catalogue(whole=[True, False] * 2 + [True]), ["ring", "whole"]).measured()
    assert [column.kind for column in made.columns[1:]] == [pa.int16(), pa.bool_()]
    assert pa.concat_tables(made.tables())["ring"].to_pylist() == [1, None, 0, 1, 0]


@pytest.mark.parametrize(
    ("others", "complaint"),
    [
        ({"x": pa.array([b"a"] * 5)}, "column 'x' holds binary"),
        ({"x": pa.array([2**63] * 5, pa.uint64())}, "column 'x': Integer value 9223372036854775808"),
        ({"x\0y": [1] * 5}, r"column 'x\x00y': 'x\x00y' cannot be printed"),
    ],
)
def test_what_no_format_holds_is_refused(others, complaint, catalogue, content):
    with pytest.raises(DataError, match=re.escape(complaint) + ".*leave it out of task.columns"):
        list(content(catalogue(**others)).tables())
