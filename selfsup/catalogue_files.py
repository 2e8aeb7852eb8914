"""The files of a catalogue: finding its shards, reading footers and rows, and writing one (https://parquet.apache.org).

Provenance lies as JSON in the schema's metadata. Nothing here holds more than a group of rows in memory.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from selfsup.types import DataError

KEY = b"selfsup"
"""Where the provenance lies in the schema's metadata."""

GROUP_ROWS = 16_384
"""Rows that are in memory together while a catalogue is copied: 32 MB of embeddings of width 512."""

_ROWS_PER_BYTE = 100
"""Beyond it not even ids that count up would fit into the file."""

Added: TypeAlias = tuple[pa.Field, pa.ChunkedArray]
"""A column in memory: its name, type and meaning, and its values."""


def shards(path: Path) -> list[Path]:
    """A file, or the `*.parquet` of a folder in the order of their names.

    Raises:
        DataError: nothing there.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{path}: no such catalogue; name a Parquet file or a folder of them.")
    files = sorted(file for file in path.glob("*.parquet") if not file.name.startswith("."))
    if not files:
        raise DataError(f"{path}: no *.parquet in this folder; name the folder that holds the shards.")
    return files


def read_footer(file: Path) -> tuple[pa.Schema, str]:
    """Schema without its own metadata (columns keep theirs), and provenance, of a file that holds a catalogue.

    Raises:
        DataError: not Parquet, or no `id` or `embedding` of the right type.
    """
    with undamaged(str(file)), pq.ParquetFile(file) as opened:
        stored, about = opened.schema_arrow, opened.metadata
        rows, parts = about.num_rows, sum(about.row_group(i).num_rows for i in range(about.num_row_groups))
    if rows != parts:
        raise DataError(f"{file}: announces {rows} rows, and {parts} in its parts; write it again.")
    if rows > _ROWS_PER_BYTE * file.stat().st_size:
        raise DataError(f"{file}: announces {rows} rows, which cannot be in it; write it again.")
    for name, count in Counter(stored.names).most_common(1):
        if count > 1:
            raise DataError(f"{file}: two columns are called {name!r}; rename one.")
    for name, fits, wanted in (("id", _is_text, "text"), ("embedding", _is_vector, "a fixed-size list of float32")):
        if name not in stored.names:
            raise DataError(f"{file}: no column `{name}`, only {', '.join(stored.names)}; a catalogue needs it.")
        if not fits(stored.field(name).type):
            found = stored.field(name).type
            raise DataError(
                f"{file}: `{name}` is {found}, not {wanted}; write it with Catalogue.from_arrays(...).save."
            )
    return stored.remove_metadata(), _provenance((stored.metadata or {}).get(KEY, b"{}"), file)


def _provenance(text: bytes, file: Path) -> str:
    """The same, which is an object of JSON without NaN."""
    try:
        said = json.loads(text)
        json.dumps(said, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: its provenance cannot be read ({error}); write the catalogue again.") from error
    if not isinstance(said, dict):
        raise DataError(f"{file}: its provenance is no object of JSON; write the catalogue again.")
    return text.decode()


@contextmanager
def undamaged(where: str) -> Iterator[None]:
    """What Arrow raises on bytes that are not the file they claim to be becomes a DataError."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{where}: cannot be read as Parquet ({error}); write it again.") from error


class Rows:
    """The columns of N galaxies: those stored, read when they are asked for, and those added since, in memory.

    Args:
        stored: `id`, `embedding` and the columns of the files.
        added: name -> further columns of N values; they hide stored ones of the same name.
    """

    def __init__(self, stored: ds.Dataset, added: Mapping[str, Added] | None = None) -> None:
        self._stored, self._added = stored, dict(added or {})
        fields = [field for field in stored.schema if field.name not in self._added]
        self.schema = pa.schema([*fields, *(field for field, _ in self._added.values())])
        self._length = int(stored.count_rows())

    def __len__(self) -> int:
        """N."""
        return self._length

    def with_columns(self, new: Mapping[str, Added]) -> Rows:
        """The same galaxies with more columns."""
        return Rows(self._stored, {**self._added, **new})

    def column(self, name: str) -> pa.ChunkedArray:
        """The N values of a column.

        Raises:
            DataError: the file is damaged.
        """
        if name in self._added:
            return self._added[name][1]
        with undamaged(f"column '{name}'"):
            found = self._stored.to_table(columns=[name]).column(0)
            found.validate(full=True)
        return found

    def tables(self, size: int, names: Sequence[str]) -> Iterator[pa.Table]:
        """These columns (one at least is stored), `size` galaxies at a time; one empty table where there are none."""
        schema = pa.schema([self.schema.field(name) for name in names])
        stored = pa.schema([field for field in schema if field.name not in self._added])
        held, start = stored.empty_table(), 0
        for batch in _scanned(self._stored, size, stored.names):  # which are cut where files end
            held = pa.concat_tables([held, pa.Table.from_arrays(batch.select(stored.names).columns, schema=stored)])
            while len(held) >= size:
                yield self._joined(held.slice(0, size), start, schema)
                held, start = held.slice(size), start + size
        if len(held) or not start:
            yield self._joined(held, start, schema)

    def take(self, numbers: np.ndarray, names: Sequence[str]) -> pa.Table:
        """These columns (one at least is stored) of the galaxies of these numbers, which rise; others are not read."""
        schema = pa.schema([self.schema.field(name) for name in names])
        stored = pa.schema([field for field in schema if field.name not in self._added])
        parts = (part.select(stored.names).cast(stored) for part in _taken(self._stored, numbers, stored.names))
        table = pa.concat_tables([stored.empty_table(), *parts])
        there = {name: values.take(pa.array(numbers)) for name, (_, values) in self._added.items()}
        columns = [there[name] if name in there else table.column(name) for name in names]
        return pa.Table.from_arrays(columns, schema=schema)

    def _joined(self, table: pa.Table, start: int, schema: pa.Schema) -> pa.Table:
        """A part of what is stored, and the same part of what was added."""
        added = {name: values.slice(start, len(table)) for name, (_, values) in self._added.items()}
        columns = [added[name] if name in added else table.column(name) for name in schema.names]
        return pa.Table.from_arrays(columns, schema=schema)


def _scanned(rows: ds.Dataset, size: int, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of at most `size` rows, in order, with these columns in the order of the files."""
    if not isinstance(rows, ds.FileSystemDataset):
        yield from rows.to_batches(batch_size=size, columns=names)
        return
    for file in rows.files:  # one by one, without buffering, as Arrow's scanner and pre-buffer hold whole files
        with undamaged(file), pq.ParquetFile(file, pre_buffer=False) as parquet:
            for batch in parquet.iter_batches(size, columns=names):
                batch.validate(full=True)
                yield batch


def _taken(rows: ds.Dataset, numbers: np.ndarray, names: list[str]) -> Iterator[pa.Table]:
    """The rows of these numbers, which rise; of files, only the row groups are read that hold one."""
    if not isinstance(rows, ds.FileSystemDataset):
        yield rows.take(pa.array(numbers, pa.int64()), columns=names)
        return
    start = 0
    for file in rows.files:
        with undamaged(file), pq.ParquetFile(file, pre_buffer=False) as parquet:
            for group in range(parquet.num_row_groups):
                end = start + parquet.metadata.row_group(group).num_rows
                first, last = np.searchsorted(numbers, [start, end])
                if first < last:
                    found = parquet.read_row_group(group, columns=names)
                    found.validate(full=True)
                    yield found.take(pa.array(numbers[first:last] - start))
                start = end


def write_rows(sink: BinaryIO, schema: pa.Schema, provenance: str, tables: Iterable[pa.Table]) -> None:
    """Write tables of this schema as one Parquet file."""
    metadata = {KEY: provenance.encode()}
    with pq.ParquetWriter(sink, schema.with_metadata(metadata), compression="zstd") as writer:
        for table in tables:
            writer.write_table(table.replace_schema_metadata(metadata), row_group_size=GROUP_ROWS)


def validate_target(target: Path, sharded: bool) -> None:
    """Raise DataError where a file is to be written over a folder, or shards over anything but an empty folder."""
    if not sharded:
        if target.is_dir():
            raise DataError(f"{target} is a folder; name a file, or set rows_per_file to write shards.")
    elif target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise DataError(f"{target} is there already, and shards are never mixed; name a new folder.")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_vector(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_list(kind) and kind.list_size and pa.types.is_float32(kind.value_type))
