"""A table of any bytes is read, or refused by name; never anything else, nor slowly."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from selfsup.data.tables import MOST_COLUMNS, read_table
from selfsup.types import DataError
from tests.fuzzing import ODD, answer, often, tried

fits = pytest.importorskip("astropy.io.fits")
pytestmark = pytest.mark.promise("inputs")
CELL = st.text(max_size=8) | st.sampled_from([*ODD, '"', "1", "1e999", "NaN", "9" * 30, "007", "NA", "\r", "\n"])
LINES = st.lists(st.lists(CELL, max_size=4).map(",".join), max_size=6).map("\n".join)
ENDINGS = [".csv", ".parquet", ".fits"]


def whole(ending):
    """A small table in one of the formats."""
    ids, x = ["a", "é", "c"], np.array([1.0, np.nan, 3.0])
    if ending == ".csv":
        return "id,x,note\na,1,u\né,,v\nc,3,w\n".encode()
    if ending == ".parquet":
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table({"id": ids, "x": x, "note": ids, "day": pa.array([1, 2, 3], pa.date32())}), sink)
        return sink.getvalue().to_pybytes()
    table = fits.BinTableHDU.from_columns(
        [fits.Column("id", "2A", array=["a", "b", "c"]), fits.Column("x", "D", array=x), fits.Column("n", "J", null=1)]
    )
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()


@often(100, 5000)
@pytest.mark.parametrize("ending", ENDINGS)
def test_any_bytes(ending, examples, tmp_path, record_property):
    def read(content, places, end):
        damaged = bytearray(content[: len(content) - end])
        for place, value in places if damaged else ():
            damaged[place % len(damaged)] = value
        (tmp_path / f"a{ending}").write_bytes(damaged)
        answer(read_table, tmp_path / f"a{ending}", None)

    content = st.just(whole(ending)) | st.binary(max_size=200) | st.just(b"SIMPLE  =")
    places = st.lists(st.tuples(st.integers(0, 10**5), st.integers(0, 255)), max_size=5)
    tried(read, examples, record_property, content=content, places=places, end=st.just(0) | st.integers(0, 5000))


@often(150, 5000)
def test_any_text(examples, tmp_path, record_property):
    def read(head, lines, encoding):
        (tmp_path / "a.csv").write_bytes(f"{head}\n{lines}".encode(encoding, errors="replace"))
        table, refused = answer(read_table, tmp_path / "a.csv", None)
        if not refused:
            assert len(set(table.ids)) == len(table.ids)
            assert all(len(values) == len(table.ids) for values in table.columns.values())

    encodings = st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "cp437"])
    heads = st.sampled_from(["id,a", "id,a,b", "id", "id,id", "GalaxyID,a", ""])
    tried(read, examples, record_property, head=heads, lines=LINES, encoding=encodings)


def card(key, value):
    return f"{key:<8}= {value:>20}".ljust(80).encode()


def header(*cards):
    text = b"".join(card(*each) for each in cards) + b"END".ljust(80)
    return text + b" " * (-len(text) % 2880)


FIRST = header(("SIMPLE", "T"), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", "T"))
AXES = (("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", 8), ("NAXIS2", 1), ("PCOUNT", 0), ("GCOUNT", 1))


def many_columns(file):
    pq.write_table(pa.table([pa.array([1])] * (MOST_COLUMNS + 1), names=["id", *map(str, range(MOST_COLUMNS))]), file)


def many_rows(file):
    """Twenty million in a few hundred kilobytes."""
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(20_000_000, np.int8)), ["a"])
    pq.write_table(pa.table({"id": column}), file)


BOMBS = {
    "a cell without end.csv": lambda file: file.write_bytes(b"id,a\n1," + b"x" * 2**24),
    "a line without end.csv": lambda file: file.write_bytes(b"id" * 2**23),
    "a long name.csv": lambda file: file.write_bytes(b"id," + b"x" * 200_000 + b"\n1,2\n"),
    "names without end.csv": lambda file: file.write_bytes(b"id" + b",a" * 100_000 + b"\n"),
    "many names.parquet": many_columns,
    "many rows.parquet": many_rows,
    "a billion columns.fits": lambda file: file.write_bytes(
        FIRST + header(("XTENSION", "'BINTABLE'"), *AXES, ("TFIELDS", 10**9)) + bytes(2880)
    ),
    "a billion axes.fits": lambda file: file.write_bytes(header(("SIMPLE", "T"), ("BITPIX", 8), ("NAXIS", 10**9))),
    "one column too many.fits": lambda file: file.write_bytes(
        FIRST + header(("XTENSION", "'TABLE   '"), *AXES, ("TFIELDS", 1000)) + bytes(2880)
    ),
}


@pytest.mark.promise("hostile")
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_go_off(name, tmp_path):
    BOMBS[name](tmp_path / name)
    with pytest.raises(DataError, match=name):
        read_table(tmp_path / name, None)
