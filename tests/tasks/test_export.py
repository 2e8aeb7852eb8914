"""A catalogue as other files, by the command line."""

import numpy as np
import pytest
from astropy import units
from astropy.table import Table

from selfsup.catalogue import About, Catalogue


@pytest.fixture
def run(selfsup, tmp_path, monkeypatch):
    """Overrides -> the command line, beside a catalogue of three shards."""
    monkeypatch.chdir(tmp_path)
    made = Catalogue.from_arrays([f"g{number}" for number in range(5)], np.eye(5, 3), {"label": np.arange(5)}, {})
    made.append({"ra": np.arange(5.0)}, {"ra": About("deg")}).save(tmp_path / "catalogue", 2)
    return lambda *arguments: selfsup("task=export", "task.catalogue=catalogue", *arguments)


def test_columns_are_written_with_their_units(run, tmp_path):
    ended = run("task.output=sub/out.fits", "task.columns=[ra]", "task.embedding=true")
    assert ended.code == 0, ended.err
    table = Table.read(tmp_path / "sub" / "out.fits")
    assert table.colnames == ["id", "ra", "embedding"]
    assert table["ra"].unit == units.deg
    assert table["ra"].tolist() == list(range(5))


@pytest.mark.parametrize("name", ["out.vot", "out.xml", "out.parquet", "out.csv", "OUT.FITS"])
def test_the_ending_says_the_format(name, run, tmp_path):
    ended = run(f"task.output={name}")
    assert ended.code == 0, ended.err
    begins = {"vot": b"<?xml", "xml": b"<?xml", "parquet": b"PAR1", "csv": b'"id"', "FITS": b"SIMPLE"}
    assert (tmp_path / name).read_bytes().startswith(begins[name.rpartition(".")[2]])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["task.output=out.hdf5"], "name a file that ends in .fits, .vot, .xml, .parquet, .csv"),
        (["task.output=catalogue/out.parquet"], "is the catalogue itself, or within it"),
        (["task.output=out.csv", "task.columns=[rad]"], "no column 'rad' (did you mean 'ra'?)"),
        (["task.output=out.csv", "task.embedding=true"], "CSV has no vectors"),
    ],
)
def test_what_cannot_be_written_is_refused(arguments, said, run, tmp_path):
    ended = run(*arguments)
    assert ended.code == 1
    assert said in ended.err
    assert [file.name for file in tmp_path.iterdir() if file.name != "outputs"] == ["catalogue"]
    assert len(list((tmp_path / "catalogue").iterdir())) == 3
