"""FITS as astropy reads it."""

import json
import re

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.table import Table

from selfsup.catalogue import About, Catalogue
from selfsup.exports import content as exported
from selfsup.exports import fits_table
from selfsup.exports.fits_table import write_fits
from selfsup.types import DataError

TYPES = {
    **{"id": ("U", 4), "ra": ("f", 8), "flux": ("f", 4), "n": ("i", 8), "Class1.1": ("i", 2), "votes": ("i", 8)},
    **{
        "ring": ("i", 2),
        "whole": ("b", 1),
        "survey": ("U", 7),
        "knn/label=1": ("U", 1),
        "seen": ("U", 26),
        "nothing": ("f", 8),
    },
}


@pytest.fixture
def written(catalogue, content, tmp_path):
    def made(columns=None, embedding=False, **others):
        write_fits(content(catalogue(**others), columns, embedding), tmp_path / "c.fits")
        return tmp_path / "c.fits"

    return made


@pytest.mark.parametrize("rows", [2, 1000])
def test_astropy_reads_the_same_types_and_values(rows, written, columns, monkeypatch):
    monkeypatch.setattr(exported, "BATCH_ROWS", rows)
    table = Table.read(written(embedding=True))
    table.convert_bytestring_to_unicode()
    assert table.colnames == [*TYPES, "embedding"]
    for name, (kind, width) in TYPES.items():
        assert (table[name].dtype.kind, table[name].dtype.itemsize // (4 if kind == "U" else 1)) == (kind, width), name
    assert table["ring"].tolist() == [1, None, 0, 1, 0]
    assert table["whole"].tolist() == [True, False, False, True, False]
    assert table["id"].tolist() == ["007", "=1+1", "g 3", "-4", "5e3"]
    assert table["n"].tolist() == [7, None, 2**53 + 1, -5, 0]
    assert table["votes"].tolist() == [0, 2**32 - 1, None, 3, 4]
    assert table["Class1.1"].tolist() == [0, 255, 7, 8, 9]
    assert table["survey"].filled("").tolist() == ["sdss", "", "", "a,b\"c'd", "<&>"]
    np.testing.assert_array_equal(np.ma.filled(table["ra"], np.nan), [10.5, -0.25, np.nan, 359.9999999999, np.nan])
    np.testing.assert_array_equal(np.ma.filled(table["flux"], np.nan), [1.5, np.nan, 3.5, 4.5, 5.5])
    np.testing.assert_array_equal(table["embedding"], np.arange(15, dtype=np.float32).reshape(5, 3) / 7)
    assert np.isnan(np.ma.filled(table["nothing"], np.nan)).all()


def test_units_descriptions_and_provenance_are_in_the_headers(written, catalogue):
    file = written()
    table = Table.read(file)
    assert table["ra"].unit == units.deg
    assert table["flux"].unit == units.nJy
    with fits.open(file) as opened:
        opened.verify("exception")
        assert json.loads("".join(opened[0].header["HISTORY"])) == catalogue().provenance
        header = opened["CATALOGUE"].header
        assert header["TCOMM2"] == "right ascension, J2000"
        assert header["TNULL4"] == -(2**63)
        assert "TNULL5" not in header
        assert opened["CATALOGUE"].columns["whole"].format == "L"


@pytest.mark.parametrize("letters", ["ab'/ =", "  é&'", " ", '"\\'])
def test_any_provenance_comes_back(letters, content, tmp_path):
    generator = np.random.default_rng(0)
    for length in (1, 60, 500):
        said = {"note": "".join(generator.choice(list(letters), length))}
        write_fits(content(Catalogue.from_arrays(["a"], [[1.0]], {}, said)), tmp_path / "c.fits")
        assert json.loads("".join(fits.getheader(tmp_path / "c.fits")["HISTORY"])) == said


def test_long_descriptions_come_back_but_for_apostrophes(content, tmp_path):
    said = "the galaxy's ellipticity & its error / both of the g band's image = " * 4
    made = Catalogue.from_arrays(["a"], [[1.0]], {}, {}).append({"x": [1.0]}, {"x": About("", said)})
    write_fits(content(made), tmp_path / "c.fits")
    header = fits.getheader(tmp_path / "c.fits", "CATALOGUE")
    assert header["TCOMM2"] == " ".join(said.split()).replace("'", "`")


def test_nothing_is_a_table_too(catalogue, content, tmp_path):
    empty = catalogue().filter(np.zeros(5, dtype=bool))
    write_fits(content(empty), tmp_path / "c.fits")
    table = Table.read(tmp_path / "c.fits")
    assert len(table) == 0
    assert table.colnames == list(TYPES)


@pytest.mark.parametrize(
    ("others", "complaint"),
    [
        ({"ids": ["a", "b", "galaxié", "d", "e"]}, "column 'id' holds 'galaxié'"),
        ({"survey": ["a", "b ", "", "", ""]}, "column 'survey' holds 'b '"),
        ({"rayon_μm": [1.0] * 5}, "'rayon_μm' is not ASCII"),
        ({"x": [None, -(2**63), 0, 0, 0]}, "column 'x' holds -9223372036854775808"),
    ],
)
def test_what_fits_cannot_hold_is_refused_and_nothing_stays(others, complaint, written, tmp_path):
    with pytest.raises(DataError, match=re.escape(complaint) + r".*write .*\.vot"):
        written(**others)
    assert not list(tmp_path.glob("*.fits")) + list(tmp_path.glob(".*"))


def test_fits_has_no_more_than_so_many_columns(written, monkeypatch):
    monkeypatch.setattr(fits_table, "_MOST_COLUMNS", 4)
    with pytest.raises(DataError, match=r"12 columns.*FITS holds 4"):
        written()
