"""A CSV, Parquet or FITS file becomes columns: numbers as float64, everything else as text, ids exactly as written.

An id is a name, not a number: 007 is not 7, and an SDSS object id has more digits than a float64 holds. So a column is
numeric only where nothing is lost by reading it so.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from selfsup.data.fits_tables import read_fits_table
from selfsup.spelling import nearest
from selfsup.types import DataError

ID_COLUMNS = ("id", "id_str", "image_id", "GalaxyID", "asset_id", "objid")
"""Where a galaxy's name is looked for, in this order."""

_MISSING = ["", "NA", "N/A", "NULL", "null", "None"]
"""Missing in a column that is otherwise numeric; in a column of text they are words."""

_EXACT = 2**53
"""The largest integer up to which float64 holds every integer."""

MOST_COLUMNS, MOST_ROWS = 10_000, 100_000_000
_MOST_HEADER = 2**20
"""Letters of the first line."""
_ROWS_PER_BYTE = 100
"""Beyond it not even ids that count up would fit into the file."""
_FEW_BYTES, _MOST_RATIO = 2**30, 100
"""What a file may unpack to, and how many times its size where that is more."""
_BATCH_ROWS = 8192


@dataclass(frozen=True)
class Table:
    """What a file says about galaxies.

    Args:
        file: where it was read from.
        ids: the galaxy of each row, no two the same.
        columns: all other columns: float64 (NaN missing) or object str ("" missing).
    """

    file: Path
    ids: list[str]
    columns: dict[str, np.ndarray]

    def rows_of(self, ids: Sequence[str]) -> np.ndarray:
        """Galaxy ids -> (n,) int64 rows, -1 for those that have none."""
        place = {galaxy: row for row, galaxy in enumerate(self.ids)}
        return np.array([place.get(galaxy, -1) for galaxy in ids], dtype=np.int64)

    def taken(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """(n,) rows -> the columns at these rows, missing values at -1."""
        return {name: taken(values, rows, _missing(values)) for name, values in self.columns.items()}

    def numbers(self, names: Sequence[str]) -> np.ndarray:
        """The named columns as (rows, len(names)) float64.

        Raises:
            DataError: one is missing, or holds text.
        """
        for name in names:
            require_column(name, self.columns, str(self.file))
            if self.columns[name].dtype == object:
                example = next((value for value in self.columns[name] if value), "")
                raise DataError(f"{self.file}: column {name!r} must hold numbers, and has {example!r}; mend the file")
        columns: list[np.ndarray] = [self.columns[name] for name in names]
        return np.column_stack(columns)


def taken(values: np.ndarray, rows: np.ndarray, missing: str | float) -> np.ndarray:
    """Values (rows, ...) -> (n, ...) those at `rows`, and `missing` where a row is -1."""
    extra = np.full((1, *values.shape[1:]), missing, dtype=values.dtype)
    chosen: np.ndarray = np.concatenate([values, extra])[rows]
    return chosen


def vote_counts(table: Table, names: Sequence[str]) -> np.ndarray:
    """The named columns as (rows, A) float32 votes; a missing one is zero.

    Raises:
        DataError: a column is missing, or holds what is no number of votes.
    """
    given = table.numbers(names)
    counts = np.where(np.isnan(given), 0.0, given)
    bad = np.argwhere((counts < 0) | (counts != np.rint(counts)) | np.isinf(counts))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"{table.file}: row {row + 1}, column {names[column]!r}: {counts[row, column]:g} is not a number of votes; "
            f"give counts, not fractions (a fraction times the number of people asked)"
        )
    votes: np.ndarray = counts.astype(np.float32)
    return votes


def require_column(name: str, columns: Iterable[str], where: str) -> None:
    """Raise DataError, with the nearest spelling and all the columns there are, unless there is one of that name."""
    there = list(columns)
    if name not in there:
        raise DataError(f"{where}: no column {name!r}{nearest(name, there)}; there are: {', '.join(there) or 'none'}")


def read_table(file: Path, id_column: str | None) -> Table:
    """Read a CSV, Parquet or FITS file.

    Args:
        file: its suffix says which.
        id_column: the column that names the galaxy; None for the first of `ID_COLUMNS` that is there.

    Raises:
        DataError: no such file, malformed, no id column, an id that is missing or there twice.
    """
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".pq": _read_parquet}
    readers |= {".fits": read_fits_table, ".fit": read_fits_table}
    if file.suffix.lower() not in readers:
        raise DataError(f"{file}: a table must be a .csv, .parquet or .fits file")
    if not file.is_file():
        raise DataError(f"{file}: no such file; put the table there or name the right one")
    try:
        arrow = readers[file.suffix.lower()](file)
        require_names(arrow.column_names, file)  # which are not always what Python takes for the first line
        id_column = _id_column(file, arrow.column_names, id_column)
        ids = _ids(file, arrow.column(id_column), id_column)
        columns = {name: _column(arrow.column(name)) for name in arrow.column_names if name != id_column}
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError, csv.Error) as error:
        raise DataError(f"{file}: not a readable table ({error}); mend it or write it again (UTF-8, commas)") from error
    return Table(file, ids, columns)


def require_names(names: Sequence[str], file: Path) -> None:
    """Raise DataError where there are too many columns, or two of one name."""
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{file}: {len(names)} columns, and {MOST_COLUMNS} is the most; write those that are needed")
    for name, count in Counter(names).most_common(1):
        if count > 1:
            raise DataError(f"{file}: two columns are called {name!r}; rename one")


def _read_csv(file: Path) -> pa.Table:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        names = next(csv.reader(io.StringIO(stream.read(_MOST_HEADER), newline="")), [])
    require_names(names, file)
    return pyarrow.csv.read_csv(
        file,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        # All as text: what Arrow takes for a number it would not give back as it was written.
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )


def _read_parquet(file: Path) -> pa.Table:
    length = file.stat().st_size
    with pq.ParquetFile(file) as stored:
        require_names(stored.schema_arrow.names, file)
        rows = stored.metadata.num_rows
        if rows > min(MOST_ROWS, _ROWS_PER_BYTE * length):
            raise DataError(f"{file}: announces {rows} rows in {length} bytes; write it again, in parts if need be")
        # Embeddings and the like stay out.
        flat = [field for field in stored.schema_arrow if not pa.types.is_nested(field.type)]
        return _unpacked(stored, pa.schema(flat), file, max(_FEW_BYTES, _MOST_RATIO * length))


def _unpacked(stored: pq.ParquetFile, schema: pa.Schema, file: Path, most_bytes: int) -> pa.Table:
    """A part at a time: a few bytes can stand for any number of the longest texts."""
    batches, held = [], 0
    for batch in stored.iter_batches(_BATCH_ROWS, columns=schema.names):
        batch.validate(full=True)
        held += batch.nbytes
        if held > most_bytes:
            raise DataError(f"{file}: unpacks to more than {most_bytes >> 20} MiB; write it again, in parts if need be")
        batches.append(batch)
    return pa.Table.from_batches(batches, schema)


def _id_column(file: Path, names: list[str], wanted: str | None) -> str:
    if wanted is not None:
        require_column(wanted, names, str(file))
        return wanted
    known = [name for name in ID_COLUMNS if name in names]
    if not known:
        raise DataError(
            f"{file}: no column names the galaxies (one of {', '.join(ID_COLUMNS)}); there are: {', '.join(names)}; "
            f"say which with data.id_column=..."
        )
    return known[0]


def _ids(file: Path, column: pa.ChunkedArray, name: str) -> list[str]:
    if pa.types.is_floating(column.type):
        raise DataError(f"{file}: ids in column {name!r} are fractional numbers; write them as text or integers")
    ids = [value or "" for value in column.cast(pa.string()).to_pylist()]
    seen: dict[str, int] = {}
    for row, galaxy in enumerate(ids, start=1):
        if not galaxy:
            raise DataError(f"{file}: row {row} has no {name!r}; every row needs its galaxy's id")
        if galaxy in seen:
            raise DataError(f"{file}: rows {seen[galaxy]} and {row} have the same {name!r}, {galaxy!r}; keep one")
        seen[galaxy] = row
    return ids


def _column(column: pa.ChunkedArray) -> np.ndarray:
    """Float64 where every value is a number that float64 holds, else object str; "" for bytes."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.cast(column.type.storage_type)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if any(holds_bytes(column.type) for holds_bytes in _BYTES):
        return np.full(len(column), "", dtype=object)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    numbers = _parsed(column) if _is_text(column.type) else column
    if _is_number(numbers.type) and not _loses_digits(numbers):
        return np.asarray(numbers.cast(pa.float64()).fill_null(np.nan).to_numpy(), dtype=np.float64)
    return np.array(column.cast(pa.string()).fill_null("").to_pylist(), dtype=object)


def _parsed(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text -> int64 or float64 if all of it can be, else as it was."""
    blank = pc.is_in(text, value_set=pa.array(_MISSING, type=text.type))
    values = pc.if_else(blank, pa.scalar(None, type=text.type), text)
    if pc.any(pc.match_substring_regex(values, r"^[+-]?0\d")).as_py():  # 007 is a name
        return text
    for kind in (pa.int64(), pa.float64()):
        try:
            return values.cast(kind)
        except pa.ArrowInvalid:
            continue
    return text


def _loses_digits(numbers: pa.ChunkedArray) -> bool:
    if not pa.types.is_integer(numbers.type) or numbers.null_count == len(numbers):
        return False
    ends = pc.min_max(numbers).as_py()
    return bool(ends["max"] > _EXACT or ends["min"] < -_EXACT)


_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind))


def _missing(values: np.ndarray) -> str | float:
    return "" if values.dtype == object else np.nan
