"""A catalogue is what an encoder saw in galaxies: id, embedding, any further columns, and where they came from.

It divides what learns from what looks (numpy and Arrow only). On disk it is Parquet (https://parquet.apache.org): one
file or a folder of shards, `id` text, `embedding` a fixed-size list of float32, provenance as JSON in the metadata.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from selfsup.types import ConfigError, DataError

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
Values: TypeAlias = "np.ndarray[Any, Any] | Sequence[Any]"
Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"

KEY = b"selfsup"
"""Where the provenance lies in the schema's metadata."""

GROUP_ROWS = 16_384
"""Rows that are in memory together while a catalogue is copied: 32 MB of embeddings of width 512."""


class Catalogue:
    """N galaxies, each an id, an embedding (D,) and a value in each column. Never changes; methods return new ones.

    Read through `open`, rows stay on disk until they are asked for; columns that were appended are in memory.
    """

    def __init__(self, rows: ds.Dataset, provenance: str, added: Mapping[str, pa.ChunkedArray]) -> None:
        """Not called directly: use `from_arrays` or `open`.

        Args:
            rows: `id`, `embedding` and the columns that are stored.
            provenance: JSON.
            added: further columns, as long as `rows`; they hide stored ones of the same name.
        """
        self._rows, self._provenance, self._added = rows, provenance, dict(added)
        self._length = int(rows.count_rows())

    @classmethod
    def from_arrays(
        cls, ids: Sequence[str], embedding: Values, columns: Mapping[str, Values], provenance: Mapping[str, JSON]
    ) -> Catalogue:
        """Ids (N,), embedding (N, D), columns of N values -> a catalogue in memory, of copies.

        Raises:
            DataError: lengths differ, an id is no text, an embedding is not finite, or values that Parquet cannot hold.
        """
        matrix = np.array(embedding, dtype=np.float32, order="C")
        names = list(ids)
        _validate_rows(names, matrix)
        flat = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])
        table = pa.table({"id": pa.array(map(str, names), pa.string()), "embedding": flat})
        return cls(ds.dataset(table), _to_json(provenance), {}).append(columns)

    @classmethod
    def open(cls, path: str | Path) -> Catalogue:
        """A Parquet file, or a folder of `*.parquet` shards in the order of their names; reads only their schemas.

        Raises:
            DataError: nothing there, not Parquet, no `id` or `embedding`, or shards that do not belong together.
        """
        files = _files(Path(path).resolve())
        schema, provenance = _footer(files[0])
        for file in files[1:]:
            other_schema, other_provenance = _footer(file)
            if other_schema != schema:
                raise DataError(f"{file}: other columns or types than {files[0].name}; keep one catalogue per folder.")
            if other_provenance != provenance:
                raise DataError(f"{file}: other provenance than {files[0].name}; keep one catalogue per folder.")
        return cls(ds.dataset([str(file) for file in files], schema=schema, format="parquet"), provenance, {})

    def __len__(self) -> int:
        """N."""
        return self._length

    def __repr__(self) -> str:
        """Size and columns."""
        return f"Catalogue({len(self)} galaxies, {self.dim} wide, columns: {', '.join(self.columns) or 'none'})"

    @property
    def ids(self) -> list[str]:
        """The N ids.

        Raises:
            DataError: one is missing.
        """
        column = self._read("id")
        if column.null_count:
            raise DataError(f"{column.null_count} of {len(self)} galaxies have no `id`; give each one.")
        return list(column.to_pylist())

    @property
    def dim(self) -> int:
        """D, the width of the embedding."""
        return int(self._rows.schema.field("embedding").type.list_size)

    @property
    def columns(self) -> list[str]:
        """Names of the columns, without id and embedding."""
        return [name for name in (*self._stored, *self._added) if name not in ("id", "embedding")]

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the catalogue comes from, as given; a copy."""
        return dict(json.loads(self._provenance))

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self.columns

    def embedding(self) -> Floats:
        """(N, D) float32, read afresh.

        Raises:
            DataError: a value is missing or not finite; names the galaxies.
        """
        matrix, start = np.full((len(self), self.dim), np.nan, dtype=np.float32), 0
        for chunk in self._read("embedding").chunks:
            rows = start + np.flatnonzero(chunk.is_valid().to_numpy(zero_copy_only=False))
            # A missing embedding has no values in the flattened list: it stays NaN, and is refused below.
            matrix[rows] = chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, self.dim)
            start += len(chunk)
        if not np.isfinite(matrix).all():
            _refuse(self.ids, matrix)
        return matrix

    def column(self, name: str) -> np.ndarray[Any, Any]:
        """The (N,) values of a column: text as objects, missing text "", missing numbers NaN.

        Raises:
            DataError: no such column; names the nearest, and those there are.
        """
        if not self.has(name):
            near = get_close_matches(name, self.columns, n=1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            raise DataError(f"no column '{name}'{hint}; the catalogue has: {', '.join(self.columns) or 'none'}.")
        return _to_numpy(self._read(name))

    def append(self, columns: Mapping[str, Values]) -> Catalogue:
        """The same galaxies with more columns; one of a name that is there takes its place in the new catalogue.

        Raises:
            DataError: not N values, not one-dimensional, of mixed types, or named `id` or `embedding`.
        """
        new = {name: _to_arrow(name, values, len(self)) for name, values in columns.items()}
        return Catalogue(self._rows, self._provenance, {**self._added, **new})

    def filter(self, mask: Values) -> Catalogue:
        """The galaxies where `mask` (N,) is true, in memory.

        Raises:
            DataError: the mask is not N booleans (row numbers are not a mask).
        """
        keep = np.asarray(mask)
        if keep.dtype != bool or keep.shape != (len(self),):
            raise DataError(f"a mask is {len(self)} booleans, not {keep.shape} of {keep.dtype}; give one per galaxy.")
        kept, start = [], 0
        for table in self._tables(GROUP_ROWS):
            kept.append(table.filter(pa.array(keep[start : start + len(table)])))
            start += len(table)
        return self._in_memory(pa.concat_tables(kept))

    def batches(self, rows: int) -> Iterator[Catalogue]:
        """The catalogue in parts of `rows` galaxies (the last may be shorter), read from disk one after the other.

        Raises:
            ConfigError: `rows` is below 1.
        """
        _validate_count("rows", rows)
        return (self._in_memory(table) for table in self._tables(rows) if len(table))

    def save(self, path: str | Path, rows_per_file: int | None = None) -> None:
        """Write a file, or with `rows_per_file` a folder of shards; what is at `path` is always whole.

        A file that is there is replaced (open it again afterwards), a folder that is there is not.

        Raises:
            ConfigError: `rows_per_file` is below 1.
            DataError: `path` is a folder that is not empty, or a file where a folder is to be.
        """
        target = Path(path).resolve()
        _validate_target(target, rows_per_file)
        target.parent.mkdir(parents=True, exist_ok=True)
        # In the same folder, so that the rename stays within one file system; not *.parquet, so that nobody opens it.
        unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
        try:
            if rows_per_file is None:
                self._write(unfinished, self._tables(GROUP_ROWS))
            else:
                unfinished.mkdir()
                for i, table in enumerate(self._tables(rows_per_file)):
                    self._write(unfinished / f"part-{i:05d}.parquet", [table])
                _sync(unfinished)
            unfinished.replace(target)
        finally:
            _remove(unfinished)
        _sync(target.parent)

    @property
    def _stored(self) -> list[str]:
        return [name for name in self._rows.schema.names if name not in self._added]

    def _in_memory(self, table: pa.Table) -> Catalogue:
        return Catalogue(ds.dataset(table), self._provenance, {})

    def _read(self, name: str) -> pa.ChunkedArray:
        return self._added[name] if name in self._added else self._rows.to_table(columns=[name]).column(0)

    def _tables(self, rows: int) -> Iterator[pa.Table]:
        """All columns, `rows` galaxies at a time; a single empty table where there are none."""
        held, start = self._empty(), 0
        for batch in _scan(self._rows, rows):  # which are cut where files end
            held = pa.concat_tables([held, pa.Table.from_batches([batch.select(self._stored)])])
            while len(held) >= rows:
                yield self._with_added(held.slice(0, rows), start)
                held, start = held.slice(rows), start + rows
        if len(held) or not start:
            yield self._with_added(held, start)

    def _empty(self) -> pa.Table:
        return pa.schema([self._rows.schema.field(name) for name in self._stored]).empty_table()

    def _with_added(self, table: pa.Table, start: int) -> pa.Table:
        for name, column in self._added.items():
            table = table.append_column(name, column.slice(start, len(table)))
        return table

    def _write(self, file: Path, tables: Iterable[pa.Table]) -> None:
        metadata = {KEY: self._provenance.encode()}
        schema = self._with_added(self._empty(), 0).schema.with_metadata(metadata)
        with file.open("wb") as sink:
            with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
                for table in tables:
                    writer.write_table(table.replace_schema_metadata(metadata), row_group_size=GROUP_ROWS)
            sink.flush()
            os.fsync(sink.fileno())


def _scan(rows: ds.Dataset, size: int) -> Iterator[pa.RecordBatch]:
    """Batches of at most `size` rows, in order."""
    if not isinstance(rows, ds.FileSystemDataset):
        yield from rows.to_batches(batch_size=size)
        return
    for file in rows.files:  # one by one, without buffering, as Arrow's scanner and pre-buffer hold whole files
        with pq.ParquetFile(file, pre_buffer=False) as parquet:
            yield from parquet.iter_batches(size)


def _validate_rows(ids: list[str], matrix: Floats) -> None:
    if matrix.ndim != 2 or not matrix.shape[1]:
        raise DataError(f"embeddings are a table of (galaxies, width), not {matrix.shape}; give one row per galaxy.")
    if len(ids) != len(matrix):
        raise DataError(f"{len(ids)} ids for {len(matrix)} embeddings; give one of each per galaxy.")
    for i, name in enumerate(ids):
        if not isinstance(name, str):
            raise DataError(f"row {i}: id {name!r} is {type(name).__name__}, not text; numbers lose digits, use str.")
    if not np.isfinite(matrix).all():
        _refuse(ids, matrix)


def _refuse(ids: list[str], matrix: Floats) -> None:
    bad = [ids[row] for row in np.flatnonzero(~np.isfinite(matrix).all(axis=1))]
    names = ", ".join(bad[:10]) + (", ..." if len(bad) > 10 else "")
    raise DataError(
        f"the embedding is not finite for {len(bad)} galaxies ({names}); leave them out or embed them again."
    )


def _validate_count(key: str, count: int) -> None:
    if count < 1:
        raise ConfigError(f"{key} = {count}: it must be at least 1.")


def _validate_target(target: Path, rows_per_file: int | None) -> None:
    if rows_per_file is None:
        if target.is_dir():
            raise DataError(f"{target} is a folder; name a file, or set rows_per_file to write shards.")
        return
    _validate_count("rows_per_file", rows_per_file)
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise DataError(f"{target} is there already, and shards are never mixed; name a new folder.")


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{path}: no such catalogue; name a Parquet file or a folder of them.")
    files = sorted(file for file in path.glob("*.parquet") if not file.name.startswith("."))
    if not files:
        raise DataError(f"{path}: no *.parquet in this folder; name the folder that holds the shards.")
    return files


def _footer(file: Path) -> tuple[pa.Schema, str]:
    """Schema without metadata, and provenance, of a file that holds a catalogue."""
    try:
        stored = pq.read_schema(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{file}: cannot be read as Parquet ({error}); write it again.") from error
    for name, fits, wanted in (("id", _is_text, "text"), ("embedding", _is_vector, "a fixed-size list of float32")):
        if name not in stored.names:
            raise DataError(f"{file}: no column `{name}`, only {', '.join(stored.names)}; a catalogue needs it.")
        if not fits(stored.field(name).type):
            found = stored.field(name).type
            raise DataError(
                f"{file}: `{name}` is {found}, not {wanted}; write it with Catalogue.from_arrays(...).save."
            )
    return stored.remove_metadata(), (stored.metadata or {}).get(KEY, b"{}").decode()


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_vector(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_list(kind) and pa.types.is_float32(kind.value_type))


def _to_json(provenance: Mapping[str, JSON]) -> str:
    try:
        return json.dumps(provenance, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"provenance cannot be kept as JSON ({error}); give text, numbers, lists and dicts.") from error


def _to_arrow(name: str, values: Values, length: int) -> pa.ChunkedArray:
    if name in ("id", "embedding"):
        raise DataError(f"column '{name}' is what makes a galaxy of a row; choose another name.")
    shape = values.shape if isinstance(values, np.ndarray) else (len(values),)
    if shape != (length,):
        raise DataError(f"column '{name}' has shape {shape}; give one value for each of {length} galaxies.")
    if isinstance(values, np.ndarray):
        # A copy, since Arrow shares memory and would change with it; in native byte order, which FITS tables are not.
        values = values.astype(values.dtype.newbyteorder("="))
    try:
        array = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        raise DataError(f"column '{name}': {error}; give numbers, text, booleans or dates, of one type.") from error
    if pa.types.is_nested(array.type):
        raise DataError(f"column '{name}' holds {array.type}; give single values, in several columns.")
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _to_numpy(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if _is_text(column.type):
        column = column.fill_null("")
    elif column.null_count and (pa.types.is_boolean(column.type) or pa.types.is_null(column.type)):
        column = column.cast(pa.float64())
    return np.array(column.to_numpy())  # a copy: what Arrow hands out cannot be written to


def _sync(folder: Path) -> None:
    """Make the names in a folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
