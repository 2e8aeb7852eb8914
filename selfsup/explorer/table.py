"""The ids and columns of a catalogue where any row is at hand: Arrow's file format, mapped into memory.

Single rows of Parquet cannot be read. Columns have the few types of exported files (`selfsup.exports.columns`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from selfsup.catalogue import Catalogue
from selfsup.catalogue_files import Rows
from selfsup.durable import synced
from selfsup.exports.columns import Column, cast, column_of
from selfsup.types import DataError

ID_ROWS, VALUE_ROWS = 4096, 256
"""Rows in each chunk of ids, and of values."""
_PASS_ROWS = 2 * ID_ROWS
_EXACT = 2**53
"""The largest integer up to which a browser's numbers hold every integer."""
log = logging.getLogger(__name__)


def columns_of(catalogue: Catalogue) -> list[Column]:
    """The columns that a page can show; what has no type or name for that is left out, and the log says so."""
    found = []
    for name in catalogue.columns:
        try:
            found.append(column_of(catalogue, name))
        except DataError as error:
            log.warning("left out: %s", error)
    return found


def write_table(catalogue: Catalogue, columns: Sequence[Column], file: Path, advance: Callable[[int], None]) -> None:
    """Write the ids and these columns; a few thousand rows are in memory at a time."""
    shown = [column_of(catalogue, "id"), *columns]
    metadata = {"provenance": json.dumps(catalogue.provenance)}
    fields = [_field(column) for column in shown]
    schema = pa.schema(fields, metadata=metadata)
    with synced(file) as stream, pa.ipc.new_file(stream, schema) as sink:
        for table in catalogue.tables(_PASS_ROWS, [column.name for column in columns]):
            values = [cast(table[column.name], column) for column in shown]
            sink.write_table(pa.table(values, schema=schema).combine_chunks(), max_chunksize=ID_ROWS)
            advance(len(table))


def _field(column: Column) -> pa.Field:
    said = {"unit": column.about.unit, "description": column.about.description}
    return pa.field(column.name, column.kind, metadata={key: text for key, text in said.items() if text} or None)


@dataclass(frozen=True)
class Table:
    """What `write_table` wrote.

    Args:
        file: of it.
    """

    file: Path
    rows: pa.Table = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with pa.ipc.open_file(pa.memory_map(str(self.file))) as stored:
            object.__setattr__(self, "rows", stored.read_all())  # maps; nothing is read yet

    def __len__(self) -> int:
        """N."""
        return int(self.rows.num_rows)

    def ids(self, rows: slice | np.ndarray) -> list[str]:
        """Ids of a stretch of rows, or of rows by their numbers."""
        column = self.rows["id"]
        part = column[rows] if isinstance(rows, slice) else column.take(pa.array(rows))
        return [str(galaxy) for galaxy in part.to_pylist()]

    def find(self, ids: Sequence[str]) -> np.ndarray:
        """Ids -> (n,) int64 rows, the first where an id stands twice, -1 where it is not among them."""
        different, back = np.unique(np.asarray(ids, dtype=object), return_inverse=True)
        place = _places(self.rows["id"], pa.array(different, pa.string()))  # few ids are looked up, not all
        rows = np.flatnonzero(place >= 0)[::-1]
        found = np.full(len(different), -1, dtype=np.int64)
        found[place[rows]] = rows
        return found[back]

    def match(self, other: Table) -> np.ndarray:
        """(N,) int32: the row in another catalogue of each galaxy of this one, -1 for none."""
        return _places(self.rows["id"], other.rows["id"].combine_chunks()).astype("<i4")

    def values(self, chunk: int) -> bytes:
        """JSON of the ids and columns of a chunk of `VALUE_ROWS`: name -> values, null where one is missing."""
        part = self.rows.slice(chunk * VALUE_ROWS, VALUE_ROWS)
        columns = zip(part.column_names, part.columns, strict=True)
        return f"{{{','.join(f'{json.dumps(name)}:{_json(values)}' for name, values in columns)}}}".encode()

    def selected(self, rows: np.ndarray) -> Catalogue:
        """The galaxies of these rows, in their order, without embeddings: to be exported."""
        return Catalogue(_Selected(self.rows, rows), self.rows.schema.metadata[b"provenance"].decode())


class _Selected(Rows):
    """Rows of a table by their numbers, taken as they are asked for: a selection of a million is never in memory."""

    def __init__(self, table: pa.Table, numbers: np.ndarray) -> None:
        super().__init__(ds.dataset(table.slice(0, 0).replace_schema_metadata(None)))
        self._table, self._numbers = table, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def tables(self, size: int, names: Sequence[str]) -> Iterator[pa.Table]:
        """These columns, `size` rows at a time; one empty table where there are none."""
        chosen = self._table.select(list(names)).replace_schema_metadata(None)
        for start in range(0, max(len(self), 1), size):
            yield chosen.take(pa.array(self._numbers[start : start + size], pa.int64()))


def _places(texts: pa.ChunkedArray, there: pa.Array) -> np.ndarray:
    """(n,) place of each text among those there, -1 for none."""
    return np.asarray(pc.index_in(texts, value_set=there).fill_null(-1).to_numpy(), dtype=np.int64)


def _json(values: pa.ChunkedArray) -> str:
    """Values of a column as an array of JSON; text that is "" counts as missing, integers beyond 2^53 are text."""
    if pa.types.is_floating(values.type):
        known = pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))
        return f"[{','.join(known.cast(pa.string()).fill_null('null').to_pylist())}]"  # the shortest that is exact
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.string())
    told = values.to_pylist()
    if pa.types.is_integer(values.type):
        told = [str(value) if value is not None and abs(value) > _EXACT else value for value in told]
    return json.dumps([None if value == "" else value for value in told], ensure_ascii=False)
