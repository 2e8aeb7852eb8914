"""FITS tables of labels: the same values as CSV would give, and hostile files refused."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from selfsup.data.tables import read_table
from selfsup.types import DataError


@pytest.fixture
def file(tmp_path):
    return tmp_path / "table.fits"


def values():
    return {
        "objid": np.array([587735344259727524, 2, 3]),
        "iauname": ["J01", "J002 ", "J3"],
        "z": np.array([0.5, np.nan, 2.5], dtype=np.float32),
        "votes": MaskedColumn(np.array([3, 0, 1], dtype=np.int16), mask=[False, True, False]),
        "ring": [True, False, True],
        "vector": np.ones((3, 2)),
        "kind": ["spiral", "", "disc"],
    }


def test_columns_become_numbers_and_text(file):
    Table(values()).write(file)
    table = read_table(file, "iauname")
    assert table.ids == ["J01", "J002", "J3"]
    assert set(table.columns) == {"objid", "z", "votes", "ring", "kind"}
    assert table.columns["objid"].tolist() == ["587735344259727524", "2", "3"]
    np.testing.assert_array_equal(table.columns["z"], [0.5, np.nan, 2.5])
    np.testing.assert_array_equal(table.columns["votes"], [3, np.nan, 1])
    np.testing.assert_array_equal(table.columns["ring"], [1, 0, 1])
    assert table.columns["kind"].tolist() == ["spiral", "", "disc"]
    assert read_table(file, "objid").ids == ["587735344259727524", "2", "3"]


def test_a_logical_that_is_neither_is_missing(file):
    columns = [fits.Column("id", "2A", array=["a", "b", "c"]), fits.Column("ring", "L", array=[True, False, True])]
    fits.BinTableHDU.from_columns(columns).writeto(file)
    data = file.read_bytes()
    rows = data.index(b"a\0T")
    file.write_bytes(data[: rows + 2] + b"\0" + data[rows + 3 :])
    np.testing.assert_array_equal(read_table(file, None).columns["ring"], [np.nan, 0, 1])


def test_scaled_unsigned_and_varying_columns(file):
    columns = [
        fits.Column("id", "J", array=[1, 2]),
        fits.Column("count", "J", bzero=2**31, array=np.array([0, 2**32 - 1], dtype=np.uint32)),
        fits.Column("scaled", "I", array=[1, 2]),
        fits.Column("varying", "PJ()", array=np.array([[1], [1, 2]], dtype=object)),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(file)
    fits.setval(file, "TSCAL3", value=0.5, ext=1)
    table = read_table(file, None)
    assert table.ids == ["1", "2"]
    assert {name: column.tolist() for name, column in table.columns.items()} == {
        "count": [0, 2**32 - 1],
        "scaled": [0.5, 1.0],
    }


def test_the_first_table_after_images_is_read(file):
    image = fits.CompImageHDU(np.zeros((8, 8), dtype=np.int16))
    table = fits.BinTableHDU.from_columns([fits.Column("id", "2A", array=["a"]), fits.Column("z", "D", array=[1.0])])
    fits.HDUList([fits.PrimaryHDU(np.zeros((2, 2))), image, table]).writeto(file)
    assert read_table(file, None).columns["z"].tolist() == [1.0]


def spoilt(file, kind):
    Table({"id": ["a", "b"] * 200, "z": np.ones(400)}).write(file)
    data = file.read_bytes()
    if kind == "gzip":
        return gzip.compress(data)
    if kind == "text":
        return b"id,z\n"
    if kind == "no table":
        return data[:2880]
    if kind == "cut":
        return data[: 2 * 2880 + 40]
    return data.replace(b"NAXIS2  =                  400", b"NAXIS2  =         400000000000")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("gzip", "not a FITS file; unpack it"),
        ("text", "not a FITS file"),
        ("no table", "no table with columns"),
        ("cut", "damaged FITS file"),
        ("too many rows", "damaged FITS file"),
    ],
)
def test_what_is_no_table_is_an_error(kind, said, file, tmp_path):
    file.write_bytes(spoilt(tmp_path / "whole.fits", kind))
    with pytest.raises(DataError, match=rf"table\.fits: {said}"):
        read_table(file, None)
