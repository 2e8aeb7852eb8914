"""VOParquet as astropy reads it with units, and DuckDB without."""

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy import units
from astropy.table import Table

from selfsup.exports import content as exported
from selfsup.exports.voparquet import write_voparquet

IDS = ["007", "=1+1", "galaxié", "-4", "g "]


@pytest.fixture
def file(catalogue, content, tmp_path, monkeypatch):
    monkeypatch.setattr(exported, "BATCH_ROWS", 2)
    write_voparquet(content(catalogue(IDS), embedding=True), tmp_path / "c.parquet")
    return tmp_path / "c.parquet"


def test_astropy_reads_units_and_descriptions(catalogue, content, tmp_path, monkeypatch):
    monkeypatch.setattr("astropy.io.misc.parquet.HAS_PANDAS", True)  # which its reader asks for, and does not use
    chosen = ["ra", "flux", "n", "Class1.1", "ring", "whole", "survey", "seen"]
    write_voparquet(content(catalogue(IDS), chosen, embedding=True), tmp_path / "c.parquet")
    table = Table.read(tmp_path / "c.parquet", format="parquet.votable")
    assert table.colnames == ["id", *chosen, "embedding"]
    assert table["id"].tolist() == IDS
    assert table["id"].dtype == np.dtype("U7")
    assert table["ra"].unit == units.deg
    assert table["ra"].description == "right ascension, J2000"
    assert table["flux"].dtype == np.float32
    assert table["Class1.1"].dtype == np.int16
    assert table["whole"].dtype == bool
    np.testing.assert_array_equal(table["ring"], [1, np.nan, 0, 1, 0])
    np.testing.assert_array_equal(table["ra"], [10.5, -0.25, np.nan, 359.9999999999, np.nan])
    assert table["survey"].tolist() == ["sdss", "", "", "a,b\"c'd", "<&>"]
    np.testing.assert_array_equal(table["embedding"], np.arange(15, dtype=np.float32).reshape(5, 3) / 7)


def test_duckdb_reads_types_and_missing_values(file):
    with duckdb.connect() as connection:
        said = connection.execute(f"describe select * from '{file}'").fetchall()
        rows = connection.execute(f"""select id, n, ring, "Class1.1" from '{file}'""").fetchall()
    assert {name: kind for name, kind, *_ in said} == {
        **{"id": "VARCHAR", "ra": "DOUBLE", "flux": "FLOAT", "n": "BIGINT", "Class1.1": "SMALLINT"},
        **{"votes": "BIGINT", "ring": "SMALLINT", "whole": "BOOLEAN", "survey": "VARCHAR", "knn/label=1": "VARCHAR"},
        **{"seen": "VARCHAR", "nothing": "DOUBLE", "embedding": "FLOAT[]"},
    }
    expected = [7, None, 2**53 + 1, -5, 0], [1, None, 0, 1, 0], [0, 255, 7, 8, 9]
    assert rows == list(zip(IDS, *expected, strict=True))


def test_the_header_has_no_data(file):
    metadata = pq.read_metadata(file).metadata
    assert metadata[b"IVOA.VOTable-Parquet.version"] == b"1.0"
    assert b"<DATA" not in metadata[b"IVOA.VOTable-Parquet.content"]
    assert b'name="knn/label=1"' in metadata[b"IVOA.VOTable-Parquet.content"]


def test_nothing_is_a_table_too(catalogue, content, tmp_path):
    write_voparquet(content(catalogue().filter(np.zeros(5, dtype=bool))), tmp_path / "c.parquet")
    assert pq.read_table(tmp_path / "c.parquet").num_rows == 0
