"""The files of a catalogue: finding its shards, reading footers and rows, and writing one (https://parquet.apache.org).

Provenance lies as JSON in the schema's metadata. Nothing here holds more than a group of rows in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from selfsup.types import DataError

KEY = b"selfsup"
"""Where the provenance lies in the schema's metadata."""

GROUP_ROWS = 16_384
"""Rows that are in memory together while a catalogue is copied: 32 MB of embeddings of width 512."""


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
    """Schema without metadata, and provenance, of a file that holds a catalogue.

    Raises:
        DataError: not Parquet, or no `id` or `embedding` of the right type.
    """
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


def scan_rows(rows: ds.Dataset, size: int) -> Iterator[pa.RecordBatch]:
    """Batches of at most `size` rows, in order."""
    if not isinstance(rows, ds.FileSystemDataset):
        yield from rows.to_batches(batch_size=size)
        return
    for file in rows.files:  # one by one, without buffering, as Arrow's scanner and pre-buffer hold whole files
        with pq.ParquetFile(file, pre_buffer=False) as parquet:
            yield from parquet.iter_batches(size)


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
    return bool(pa.types.is_fixed_size_list(kind) and pa.types.is_float32(kind.value_type))
