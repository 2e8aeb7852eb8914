"""A catalogue is what an encoder saw in galaxies: id, embedding, any further columns, and where they came from.

It divides what learns from what looks (numpy and Arrow only). On disk it is Parquet (https://parquet.apache.org): one
file or a folder of shards, `id` text, `embedding` a fixed-size list of float32, provenance as JSON in the metadata.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from selfsup.catalogue_files import GROUP_ROWS, Rows, read_footer, shards, validate_target, write_rows
from selfsup.catalogue_values import (
    JSON,
    About,
    Floats,
    Values,
    about_of,
    described,
    refuse_not_finite,
    to_arrow,
    to_json,
    to_numpy,
    to_text,
    validate_rows,
)
from selfsup.durable import replacing, replacing_folder, synced
from selfsup.spelling import nearest
from selfsup.types import ConfigError, DataError

__all__ = ["About", "Catalogue"]


class Catalogue:
    """N galaxies, each an id, an embedding (D,) and a value in each column. Never changes; methods return new ones.

    Read through `open`, rows stay on disk until they are asked for; columns that were appended are in memory.
    """

    def __init__(self, rows: Rows, provenance: str) -> None:
        """Not called directly: use `from_arrays` or `open`.

        Args:
            rows: `id`, `embedding` and the columns.
            provenance: JSON.
        """
        self._rows, self._provenance = rows, provenance

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
        validate_rows(names, matrix)
        flat = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])
        table = pa.table({"id": to_text(names), "embedding": flat})
        return cls(Rows(ds.dataset(table)), to_json(provenance)).append(columns)

    @classmethod
    def open(cls, path: str | Path) -> Catalogue:
        """A Parquet file, or a folder of `*.parquet` shards in the order of their names; reads only their schemas.

        Raises:
            DataError: nothing there, not Parquet, no `id` or `embedding`, or shards that do not belong together.
        """
        files = shards(Path(path).resolve())
        schema, provenance = read_footer(files[0])
        for file in files[1:]:
            other_schema, other_provenance = read_footer(file)
            if other_schema != schema:
                raise DataError(f"{file}: other columns or types than {files[0].name}; keep one catalogue per folder.")
            if [about_of(field).unit for field in other_schema] != [about_of(field).unit for field in schema]:
                raise DataError(f"{file}: other units than {files[0].name}; keep one catalogue per folder.")
            if other_provenance != provenance:
                raise DataError(f"{file}: other provenance than {files[0].name}; keep one catalogue per folder.")
        stored = ds.dataset([str(file) for file in files], schema=schema, format="parquet")
        return cls(Rows(stored), provenance)

    def __len__(self) -> int:
        """N."""
        return len(self._rows)

    def __repr__(self) -> str:
        """Size and columns."""
        return f"Catalogue({len(self)} galaxies, {self.dim} wide, columns: {', '.join(self.columns) or 'none'})"

    @property
    def ids(self) -> list[str]:
        """The N ids.

        Raises:
            DataError: one is missing.
        """
        column = self._rows.column("id")
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
        return [name for name in self._rows.schema.names if name not in ("id", "embedding")]

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the catalogue comes from, as given; a copy."""
        return dict(json.loads(self._provenance))

    @property
    def schema(self) -> pa.Schema:
        """Names, types and meanings of `id`, `embedding` and the columns, as Arrow has them."""
        return self._rows.schema

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self.columns

    def embedding(self) -> Floats:
        """(N, D) float32, read afresh.

        Raises:
            DataError: a value is missing or not finite; names the galaxies.
        """
        matrix, start = np.full((len(self), self.dim), np.nan, dtype=np.float32), 0
        for chunk in self._rows.column("embedding").chunks:
            rows = start + np.flatnonzero(chunk.is_valid().to_numpy(zero_copy_only=False))
            # A missing embedding has no values in the flattened list: it stays NaN, and is refused below.
            matrix[rows] = chunk.flatten().to_numpy(zero_copy_only=False).reshape(-1, self.dim)
            start += len(chunk)
        if not np.isfinite(matrix).all():
            refuse_not_finite(self.ids, matrix)
        return matrix

    def column(self, name: str) -> np.ndarray[Any, Any]:
        """The (N,) values of a column: text as objects, missing text "", missing numbers NaN.

        Raises:
            DataError: no such column; names the nearest, and those there are.
        """
        self._require(name)
        try:
            return to_numpy(self._rows.column(name))
        except pa.ArrowException as error:
            raise DataError(f"column '{name}': {error}; leave it out, or write it as text.") from error

    def about(self, name: str) -> About:
        """Unit and description of a column; empty where nobody gave them.

        Raises:
            DataError: no such column.
        """
        self._require(name)
        return about_of(self._rows.schema.field(name))

    def append(self, columns: Mapping[str, Values], about: Mapping[str, About] | None = None) -> Catalogue:
        """The same galaxies with more columns; one of a name that is there takes its place in the new catalogue.

        Args:
            columns: name -> N values.
            about: what those of these columns are that need saying.

        Raises:
            DataError: not N values, not one-dimensional, of mixed types, named `id` or `embedding`, or `about` is about
                a column that is not among them.
        """
        said = dict(about or {})
        if stray := sorted(said.keys() - columns.keys()):
            raise DataError(f"about '{stray[0]}'{nearest(stray[0], list(columns))}: no such column is appended.")
        values = {name: to_arrow(name, given, len(self)) for name, given in columns.items()}
        new = {name: (described(name, v.type, said.get(name, About())), v) for name, v in values.items()}
        return Catalogue(self._rows.with_columns(new), self._provenance)

    def filter(self, mask: Values) -> Catalogue:
        """The galaxies where `mask` (N,) is true, in memory.

        Raises:
            DataError: the mask is not N booleans (row numbers are not a mask).
        """
        keep = np.asarray(mask)
        if keep.dtype != bool or keep.shape != (len(self),):
            raise DataError(f"a mask is {len(self)} booleans, not {keep.shape} of {keep.dtype}; give one per galaxy.")
        kept, start = [], 0
        for table in self._rows.tables(GROUP_ROWS, self._rows.schema.names):
            kept.append(table.filter(pa.array(keep[start : start + len(table)])))
            start += len(table)
        return self._in_memory(pa.concat_tables(kept))

    def batches(self, rows: int) -> Iterator[Catalogue]:
        """The catalogue in parts of `rows` galaxies (the last may be shorter), read from disk one after the other.

        Raises:
            ConfigError: `rows` is below 1.
        """
        _validate_count("rows", rows)
        return (self._in_memory(table) for table in self._rows.tables(rows, self._rows.schema.names) if len(table))

    def tables(self, rows: int, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The ids and these columns (`embedding` may be one), and nothing else read, in parts of `rows` galaxies.

        As Arrow keeps them: what is missing is null, and each field says what its column is.

        Raises:
            ConfigError: `rows` is below 1.
            DataError: no such column.
        """
        _validate_count("rows", rows)
        for name in columns:
            if name != "embedding":
                self._require(name)
        return (table for table in self._rows.tables(rows, ["id", *columns]) if len(table))

    def take(self, numbers: np.ndarray, columns: Sequence[str]) -> pa.Table:
        """The ids and these columns of the galaxies of these numbers (n,), which rise; the others are not read.

        Raises:
            DataError: no such column, or a file is damaged.
        """
        for name in columns:
            if name != "embedding":
                self._require(name)
        return self._rows.take(numbers, list(dict.fromkeys(["id", *columns])))

    def save(self, path: str | Path, rows_per_file: int | None = None) -> None:
        """Write a file, or with `rows_per_file` a folder of shards; what is at `path` is always whole.

        A file that is there is replaced (open it again afterwards), a folder that is there is not.

        Raises:
            ConfigError: `rows_per_file` is below 1.
            DataError: `path` is a folder that is not empty, or a file where a folder is to be.
        """
        target = Path(path).resolve()
        if rows_per_file is not None:
            _validate_count("rows_per_file", rows_per_file)
        validate_target(target, sharded=rows_per_file is not None)
        target.parent.mkdir(parents=True, exist_ok=True)
        schema = self._rows.schema
        if rows_per_file is None:
            with replacing(target) as sink:
                write_rows(sink, schema, self._provenance, self._rows.tables(GROUP_ROWS, schema.names))
            return
        with replacing_folder(target) as folder:
            for i, table in enumerate(self._rows.tables(rows_per_file, schema.names)):
                with synced(folder / f"part-{i:05d}.parquet") as sink:
                    write_rows(sink, schema, self._provenance, [table])

    def _in_memory(self, table: pa.Table) -> Catalogue:
        return Catalogue(Rows(ds.dataset(table)), self._provenance)

    def _require(self, name: str) -> None:
        if not self.has(name):
            hint, there = nearest(name, self.columns), ", ".join(self.columns) or "none"
            raise DataError(f"no column '{name}'{hint}; the catalogue has: {there}.")


def _validate_count(key: str, count: int) -> None:
    if count < 1:
        raise ConfigError(f"{key} = {count}: it must be at least 1.")
