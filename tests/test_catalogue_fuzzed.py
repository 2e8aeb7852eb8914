"""Any catalogue comes back as it was, from every format that holds it; any other Parquet file is refused by name."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from selfsup.catalogue import Catalogue
from selfsup.exports.content import Content
from selfsup.exports.formats import FORMATS
from selfsup.types import ConfigError, DataError
from tests.fuzzing import ODD, answer, often, tried

pytestmark = pytest.mark.promise("inputs")
TEXT = st.text(max_size=20) | st.sampled_from(ODD)
NAMES = TEXT | st.sampled_from(["id", "embedding", "a.b", "ra", "x" * 300])
NUMBERS = st.floats() | st.integers(-(2**63), 2**63 - 1)
COLUMNS = {
    "numbers": st.lists(st.floats(), min_size=3, max_size=3).map(np.array),
    "integers": st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3).map(np.array),
    "words": st.lists(TEXT, min_size=3, max_size=3),
    "truths": st.lists(st.booleans(), min_size=3, max_size=3).map(np.array),
}
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT, lambda inner: st.dictionaries(TEXT, inner) | st.lists(inner)
)
TYPES = [
    *(
        pa.null(),
        pa.bool_(),
        pa.int8(),
        pa.uint64(),
        pa.float16(),
        pa.float32(),
        pa.float64(),
        pa.string(),
        pa.binary(),
    ),
    *(pa.large_string(), pa.large_binary(), pa.string_view(), pa.binary_view(), pa.binary(3), pa.date32(), pa.date64()),
    *(pa.time32("s"), pa.time64("ns"), pa.timestamp("ns", "Mars/Phobos"), pa.timestamp("s"), pa.duration("ms")),
    *(pa.decimal128(10, 2), pa.decimal256(60, 3), pa.uuid(), pa.list_(pa.int32()), pa.list_(pa.float32(), 2)),
    *(pa.list_(pa.float64(), 2), pa.struct([("a", pa.int8())]), pa.map_(pa.string(), pa.int8())),
    *(pa.dictionary(pa.int8(), pa.string()), pa.dictionary(pa.int32(), pa.float64())),
]
FIELDS = st.lists(
    st.tuples(st.sampled_from(["id", "embedding", "x", "x", "", "a.b", "é"]), st.sampled_from(TYPES)), max_size=4
)
NOTES = (
    st.none() | st.binary(max_size=9) | st.sampled_from([b"[" * 9999, b"[1]", b'{"a": NaN}', b'{"a": 1e999}', b"{}"])
)


def read_all(path):
    """Everything that can be asked of a catalogue."""
    found = Catalogue.open(path)
    found.ids, found.embedding(), found.provenance, repr(found)
    for name in found.columns:
        found.column(name), found.about(name)
    return [part.ids for part in found.batches(2)]


def exported(catalogue, folder):
    """Format -> the file, of the formats that do not refuse it by name."""
    made = {}
    for ending, write in FORMATS.items():
        try:
            write(Content(catalogue, None, ending != ".csv", lambda _: None), folder / f"out{ending}")
            made[ending] = folder / f"out{ending}"
        except (DataError, ConfigError):
            continue
    return made


@often(60, 1000)
def test_what_is_kept_comes_back(examples, tmp_path, record_property):
    def kept(ids, columns, provenance, name):
        embedding = np.arange(6, dtype=np.float32).reshape(3, 2)
        try:
            made = Catalogue.from_arrays(
                ids, embedding, {f"{name}{kind}": each for kind, each in columns.items()}, provenance
            )
            made.save(tmp_path / "a.parquet")
        except DataError:
            return
        again = Catalogue.open(tmp_path / "a.parquet")
        assert again.ids == ids
        assert again.provenance == made.provenance
        np.testing.assert_array_equal(again.embedding(), embedding)
        for column in made.columns:
            np.testing.assert_array_equal(again.column(column), made.column(column))
        require_same(exported(again, tmp_path), again)

    ids = st.lists(TEXT, min_size=3, max_size=3, unique=True)
    columns, notes = st.fixed_dictionaries(COLUMNS), st.dictionaries(TEXT, JSON, max_size=2)
    tried(kept, examples, record_property, ids=ids, columns=columns, provenance=notes, name=TEXT)


def require_same(files, catalogue):
    """Parquet holds the very ids; cells of CSV that a spreadsheet would run are behind an apostrophe."""
    if ".parquet" in files:
        assert pq.read_table(files[".parquet"])["id"].to_pylist() == catalogue.ids
    if ".csv" in files:
        table = pyarrow.csv.read_csv(
            io.BytesIO(files[".csv"].read_bytes()),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(column_types={"id": pa.string()}),
        )
        told = table["id"].to_pylist()
        assert not [text for text in told if text[:1] in {*"=+-@\t\r\n\0"}]
        assert [text.removeprefix("'") for text in told] == [text.removeprefix("'") for text in catalogue.ids]


@often(80, 3000)
def test_any_columns_are_read_or_refused_by_name(examples, tmp_path, record_property):
    good = [pa.array(["a", "b"]), pa.FixedSizeListArray.from_arrays(pa.array(np.ones(4, np.float32)), 2)]

    def stored(fields, well, note):
        names, kinds = [name for name, _ in fields], [kind for _, kind in fields]
        values = [pa.nulls(2, kind) for kind in kinds]
        if well:
            names, values = ["id", "embedding", *names], [*good, *values]
        try:
            table = pa.Table.from_arrays(values, names=names).replace_schema_metadata(
                {b"selfsup": note} if note else None
            )
            pq.write_table(table, tmp_path / "a.parquet")
        except (pa.ArrowException, UnicodeError):
            return  # which Parquet cannot hold
        _, refused = answer(read_all, tmp_path / "a.parquet")
        if not refused:
            exported(Catalogue.open(tmp_path / "a.parquet"), tmp_path)

    tried(stored, examples, record_property, fields=FIELDS, well=st.booleans(), note=NOTES)


@often(150, 5000)
def test_any_damage_is_refused_by_name(examples, tmp_path, record_property):
    rng = np.random.default_rng(0)
    ids = [f"galaxy {number} é" for number in range(50)]
    columns = {"x": rng.normal(size=50), "name": [f"n{number % 5}" for number in range(50)]}
    Catalogue.from_arrays(ids, rng.normal(size=(50, 4)), columns, {"a": 1}).save(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()

    def damaged(places, end):
        content = bytearray(whole[: len(whole) - end])
        for place, value in places:
            content[place % len(content)] = value
        (tmp_path / "a.parquet").write_bytes(content)
        answer(read_all, tmp_path / "a.parquet")

    places = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=5)
    tried(damaged, examples, record_property, places=places, end=st.just(0) | st.integers(0, len(whole) - 1))
