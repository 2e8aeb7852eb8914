"""Galaxies by id and by number are those of the catalogue, from files and from memory."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from selfsup.analysis.rows import embeddings, find, numbered, take
from selfsup.catalogue import Catalogue
from selfsup.types import DataError

IDS = [f"g{number}" for number in range(50)]


@pytest.fixture(params=["memory", "file", "groups", "shards"])
def catalogue(request, tmp_path):
    embedding = np.arange(100, dtype=np.float32).reshape(50, 2)
    columns = {"size": np.arange(50) / 2, "kind": np.array(["a", "b"] * 25, dtype=object)}
    made = Catalogue.from_arrays(IDS, embedding, columns, {})
    if request.param == "memory":
        return made
    made.save(tmp_path / "c.parquet", 7 if request.param == "shards" else None)
    if request.param == "groups":
        pq.write_table(pq.read_table(tmp_path / "c.parquet"), tmp_path / "c.parquet", row_group_size=7)
    return Catalogue.open(tmp_path / "c.parquet")


def test_parts_are_numbered_in_order(catalogue):
    parts = list(numbered(catalogue, ["size"], 12))
    assert [start for start, _ in parts] == [0, 12, 24, 36, 48]
    assert [size for _, table in parts for size in table["size"].to_pylist()] == [row / 2 for row in range(50)]


def test_rows_are_taken_in_the_order_that_is_asked_for(catalogue):
    rows = np.array([49, 0, 8, 8, 30])
    table = take(catalogue, rows, ["kind", "size", "embedding"])
    assert table["id"].to_pylist() == [IDS[row] for row in rows]
    assert table["size"].to_pylist() == [row / 2 for row in rows]
    assert embeddings(table)[:, 0].tolist() == [2 * row for row in rows]
    assert take(catalogue, np.array([], dtype=np.int64), ["size"])["size"].to_pylist() == []


def test_columns_that_were_added_are_taken_too(catalogue):
    more = catalogue.append({"number": np.arange(50)})
    assert take(more, np.array([33, 2]), ["number", "size"]).to_pylist() == [
        {"id": "g33", "number": 33, "size": 16.5},
        {"id": "g2", "number": 2, "size": 1.0},
    ]


def test_ids_are_found_and_a_missing_one_is_named(catalogue):
    assert find(catalogue, ["g40", "g3", "g40"]).tolist() == [40, 3, 40]
    with pytest.raises(DataError, match=r"no galaxy 'x' in the catalogue \(1 missing\), whose ids are like 'g0'"):
        find(catalogue, ["g1", "x"])


def test_of_galaxies_with_one_id_the_first_is_found():
    assert find(Catalogue.from_arrays(["a", "b", "b"], np.eye(3), {}, {}), ["b"]).tolist() == [1]


def test_an_embedding_that_is_missing_or_not_finite_is_named():
    kind = pa.list_(pa.float32(), 2)
    for broken in (None, [1.0, float("nan")]):
        values = pa.chunked_array([pa.array([[1.0, 2.0]], kind), pa.array([broken, [3.0, 4.0]], kind)])
        table = pa.table({"id": ["a", "b", "c"], "embedding": values})
        with pytest.raises(DataError, match="1 galaxies such as b"):
            embeddings(table)
        assert embeddings(table.filter(pa.array([True, False, True]))).tolist() == [[1, 2], [3, 4]]
