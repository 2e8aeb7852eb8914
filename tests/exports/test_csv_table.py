"""CSV as astropy and DuckDB read it, without a cell that a spreadsheet would run."""

import csv
import re

import duckdb
import numpy as np
import pytest
from astropy.table import Table

from selfsup.exports import content as exported
from selfsup.exports.csv_table import write_csv
from selfsup.types import ConfigError

IDS = ["007", "=1+1", "galaxié", "-4", "'@sum"]
SURVEYS = ["+1", "\tx", "it's", 'a,"b"\nc', "\rz"]


@pytest.fixture
def file(catalogue, content, tmp_path, monkeypatch):
    monkeypatch.setattr(exported, "BATCH_ROWS", 2)
    write_csv(content(catalogue(IDS, survey=SURVEYS, **{"=2*3": [-1, 2, 3, 4, 5]})), tmp_path / "c.csv")
    return tmp_path / "c.csv"


def as_it_was(text):
    """The promise of the module: one ' less."""
    return text[1:] if re.match(r"''*[=+\-@\t\r\n\0]", text) else text


def rows_of(file):
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def test_text_that_begins_like_a_formula_does_not_and_comes_back(file):
    names, *rows = rows_of(file)
    cells = [[row[names.index(name)] for row in rows] for name in ("id", "survey")]
    assert not [text for text in [*names, *cells[0], *cells[1]] if text[:1] in "=+-@\t\r" and text]
    assert cells[0] == ["007", "'=1+1", "galaxié", "'-4", "''@sum"]
    assert [list(map(as_it_was, column)) for column in cells] == [IDS, SURVEYS]
    assert names[-1] == "'=2*3"


def test_numbers_are_untouched_and_missing_ones_empty(file):
    names, *rows = rows_of(file)
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    assert columns["ra"] == ("10.5", "-0.25", "", "359.9999999999", "")
    assert columns["n"] == ("7", "", "9007199254740993", "-5", "0")
    assert columns["'=2*3"] == ("-1", "2", "3", "4", "5")
    assert columns["ring"] == ("true", "", "false", "true", "false")


def test_astropy_and_duckdb_read_it(file):
    table = Table.read(file, format="ascii.csv")
    assert len(table) == 5
    assert table["n"].tolist() == [7, None, 2**53 + 1, -5, 0]
    assert table["ra"].dtype == np.float64
    with duckdb.connect() as connection:
        said = connection.execute(f"describe select * from read_csv('{file}')").fetchall()
        ids = connection.execute(f"select id from read_csv('{file}')").fetchall()
    kinds = {name: kind for name, kind, *_ in said}
    assert (kinds["id"], kinds["ra"], kinds["n"], kinds["ring"]) == ("VARCHAR", "DOUBLE", "BIGINT", "BOOLEAN")
    assert [as_it_was(name) for (name,) in ids] == IDS


def test_a_second_file_says_what_the_columns_are(file):
    with file.with_name("c.columns.csv").open(newline="") as stream:
        said = {row["name"]: row for row in csv.DictReader(stream)}
    assert list(said) == rows_of(file)[0]
    assert said["ra"] == {"name": "ra", "type": "double", "unit": "deg", "description": "right ascension, J2000"}
    assert said["id"]["type"] == "string"


def test_vectors_are_refused(catalogue, content, tmp_path):
    with pytest.raises(ConfigError, match=r"CSV has no vectors; write \.fits"):
        write_csv(content(catalogue(), embedding=True), tmp_path / "c.csv")
