"""Rows at hand, and columns as a page draws them: any row is found, any value comes out as it went in."""

import json

import numpy as np
import pyarrow as pa
import pytest

from selfsup.catalogue import Catalogue
from selfsup.explorer.columns import MISSING_WORD, MOST_WORDS, draw_column
from selfsup.explorer.table import ID_ROWS, VALUE_ROWS, Table, columns_of, write_table

COUNT = 2 * ID_ROWS + 300


@pytest.fixture(scope="module")
def catalogue():
    rng = np.random.default_rng(0)
    columns = {
        **{"x": rng.normal(size=COUNT), "flag": rng.random(COUNT) < 0.5, "word": rng.choice(["b", "", "a"], COUNT)},
        **{"name": [f"n{i % (MOST_WORDS + 1)}" for i in range(COUNT)], "few": rng.integers(0, 9, COUNT)},
        "huge": np.where(np.arange(COUNT) % 2, 1e300, np.inf),
    }
    ids = [f"g{i}" for i in range(COUNT - 1)] + ["g5"]
    return Catalogue.from_arrays(ids, rng.normal(size=(COUNT, 3)), columns, {"made": "up"})


@pytest.fixture(scope="module")
def table(catalogue, tmp_path_factory):
    file = tmp_path_factory.mktemp("table") / "rows.arrow"
    told = []
    write_table(catalogue, columns_of(catalogue), file, told.append)
    assert sum(told) == COUNT
    return Table(file)


def test_every_chunk_of_ids_and_values_is_what_the_catalogue_holds(table, catalogue):
    assert len(table) == COUNT
    chunks = [table.ids(slice(start, start + ID_ROWS)) for start in range(0, COUNT, ID_ROWS)]
    assert [name for chunk in chunks for name in chunk] == catalogue.ids
    for chunk in (0, 16, 32, 33):
        rows, said = slice(chunk * VALUE_ROWS, (chunk + 1) * VALUE_ROWS), json.loads(table.values(chunk))
        assert list(said) == ["id", *catalogue.columns]
        assert said["x"] == catalogue.column("x")[rows].tolist()
        assert said["few"] == catalogue.column("few")[rows].tolist()
        assert said["word"] == [word or None for word in catalogue.column("word")[rows]]
        assert said["flag"] == [str(flag).lower() for flag in catalogue.column("flag")[rows].tolist()]
        assert said["huge"] == [1e300 if row % 2 else None for row in range(COUNT)[rows]]


def test_ids_are_found_where_they_first_stand(table):
    asked = ["g8000", "nobody", "g5", "g0", "g5"]
    assert table.find(asked).tolist() == [8000, -1, 5, 0, 5]
    assert table.find([]).tolist() == []


def test_a_selection_has_all_columns_in_its_own_order(table, catalogue):
    rows = np.random.default_rng(1).permutation(COUNT)[:5000]
    chosen, ids = table.selected(rows), catalogue.ids
    parts = pa.concat_tables(chosen.tables(1024, ["x", "word"]))
    assert (len(chosen), chosen.columns, chosen.provenance) == (5000, catalogue.columns, {"made": "up"})
    assert parts["id"].to_pylist() == [ids[row] for row in rows]
    assert parts["x"].to_pylist() == catalogue.column("x")[rows].tolist()


def test_columns_are_drawn_as_numbers_words_or_not_at_all(catalogue, tmp_path):
    (tmp_path / "columns").mkdir()
    drawn = {c.name: draw_column(catalogue, c, tmp_path, i) for i, c in enumerate(columns_of(catalogue))}
    kinds = {name: each.kind for name, each in drawn.items()}
    assert kinds == {"x": "number", "flag": "word", "word": "word", "name": "text", "few": "number", "huge": "number"}
    numbers = np.fromfile(tmp_path / drawn["x"].file, "<f4")
    np.testing.assert_array_equal(numbers, catalogue.column("x").astype(np.float32))
    assert (drawn["word"].words, drawn["flag"].words) == (["a", "b"], ["false", "true"])
    places = np.fromfile(tmp_path / drawn["word"].file, "<u2")
    assert [drawn["word"].words[p] if p != MISSING_WORD else "" for p in places] == list(catalogue.column("word"))
    assert np.isnan(np.fromfile(tmp_path / drawn["huge"].file, "<f4")).all()
    assert (drawn["huge"].low, drawn["name"].file) == (None, None)


def test_what_no_page_can_show_is_left_out(caplog):
    made = Catalogue.from_arrays(["a"], [[1.0]], {"bad\x07": [1], "good": [2]}, {})
    assert [column.name for column in columns_of(made)] == ["good"]
    assert "left out" in caplog.text
