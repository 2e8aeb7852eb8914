"""Tables are read without losing a digit of an id."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from selfsup.data.tables import read_table, taken, vote_counts
from selfsup.types import DataError


@pytest.fixture
def csv_table(tmp_path):
    def csv_table(text, id_column=None, encoding="utf-8"):
        (tmp_path / "table.csv").write_text(text, encoding=encoding)
        return read_table(tmp_path / "table.csv", id_column)

    return csv_table


def test_ids_are_text_as_written(csv_table):
    assert csv_table("id,z\n007,1\n1e3,2\n587735344259727524,3\n").ids == ["007", "1e3", "587735344259727524"]


def test_numbers_are_float_and_all_else_is_text(csv_table):
    columns = csv_table(
        "id,z,kind,objid,tile\na,0.5,spiral,587735344259727524,012\nb,,,587735344259727525,013\n"
    ).columns
    assert columns["z"].dtype == np.float64
    np.testing.assert_array_equal(columns["z"], [0.5, np.nan])
    assert columns["kind"].tolist() == ["spiral", ""]
    assert columns["objid"].tolist() == ["587735344259727524", "587735344259727525"]
    assert columns["tile"].tolist() == ["012", "013"]


def test_words_for_missing_are_words_in_text(csv_table):
    columns = csv_table("id,z,bar\na,NA,None\nb,2,strong\n").columns
    np.testing.assert_array_equal(columns["z"], [np.nan, 2])
    assert columns["bar"].tolist() == ["None", "strong"]


def test_a_byte_order_mark_is_no_part_of_a_name(csv_table):
    assert csv_table("id,z\na,1\n", encoding="utf-8-sig").ids == ["a"]


def test_the_known_id_columns_are_tried_in_order(csv_table):
    assert csv_table("objid,asset_id,z\n1,2,3\n").ids == ["2"]
    assert csv_table("objid,asset_id,z\n1,2,3\n", "objid").ids == ["1"]


def test_parquet_and_csv_say_the_same(tmp_path, csv_table):
    arrow = pa.table(
        {
            "id": ["007", "8"],
            "z": pa.array([1, None], pa.int32()),
            "flag": [True, False],
            "kind": pa.array(["a", None]).dictionary_encode(),
            "vector": [[1.0], [2.0]],
        }
    )
    pq.write_table(arrow, tmp_path / "table.parquet")
    table = read_table(tmp_path / "table.parquet", None)
    other = csv_table("id,z,flag,kind\n007,1,1,a\n8,,0,\n")
    assert table.ids == other.ids
    assert table.columns.keys() == other.columns.keys()
    for name, values in other.columns.items():
        assert table.columns[name].dtype == values.dtype
        np.testing.assert_array_equal(table.columns[name], values)


def test_integer_ids_in_parquet_are_exact_and_fractional_ones_refused(tmp_path):
    pq.write_table(pa.table({"objid": [587735344259727525], "z": [1.0]}), tmp_path / "table.parquet")
    assert read_table(tmp_path / "table.parquet", None).ids == ["587735344259727525"]
    pq.write_table(pa.table({"objid": [5.8e17]}), tmp_path / "table.parquet")
    with pytest.raises(DataError, match="fractional"):
        read_table(tmp_path / "table.parquet", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a readable table"),
        ("name,z\na,1\n", r"no column names the galaxies.*name, z.*data\.id_column"),
        ("id,z\na,1,2\n", "not a readable table"),
        ("id,z\na,1\na,2\n", "rows 1 and 2 have the same 'id', 'a'"),
        ("id,z\na,1\n,2\n", "row 2 has no 'id'"),
        ("id,z,z\na,1,2\n", "two columns are called 'z'"),
    ],
)
def test_a_malformed_csv_is_named_with_its_fault(csv_table, text, said):
    with pytest.raises(DataError, match=said):
        csv_table(text)


def test_latin_1_is_refused_by_name(csv_table):
    with pytest.raises(DataError, match="UTF-8"):
        csv_table("id,k\na,é\n", encoding="latin-1")


def test_a_missing_or_strange_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "absent.csv", None)
    (tmp_path / "false.parquet").write_text("no")
    with pytest.raises(DataError, match="not a readable table"):
        read_table(tmp_path / "false.parquet", None)
    with pytest.raises(DataError, match=r"\.csv, \.parquet or \.fits"):
        read_table(tmp_path / "table.xlsx", None)


def test_the_id_column_that_is_named_must_be_there(csv_table):
    with pytest.raises(DataError, match="did you mean 'galaxy'"):
        csv_table("galaxy,z\na,1\n", "galaxi")


def test_rows_are_put_to_galaxies(csv_table):
    table = csv_table("id,z,kind\na,1,x\nb,2,y\n")
    rows = table.rows_of(["b", "c", "a"])
    np.testing.assert_array_equal(rows, [1, -1, 0])
    columns = table.taken(rows)
    np.testing.assert_array_equal(columns["z"], [2, np.nan, 1])
    assert columns["kind"].tolist() == ["y", "", "x"]
    np.testing.assert_array_equal(taken(np.eye(2), rows, 0.0), [[0, 1], [0, 0], [1, 0]])


def test_a_table_without_rows_has_missing_values(csv_table):
    columns = csv_table("id,z\n").taken(np.array([-1, -1]))
    assert len(columns["z"]) == 2


def test_votes_are_whole_numbers(csv_table):
    table = csv_table("id,yes,no,share,loss,kind,huge\na,3,,0.5,-1,x,inf\n")
    np.testing.assert_array_equal(vote_counts(table, ["yes", "no"]), [[3, 0]])
    for name, said in {
        "share": "not fractions",
        "loss": "-1 is not",
        "huge": "inf is not",
        "kind": "must hold numbers",
    }.items():
        with pytest.raises(DataError, match=said):
            vote_counts(table, ["yes", name])
