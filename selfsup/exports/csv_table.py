"""A catalogue as CSV (RFC 4180), for spreadsheets, whose cells must not become formulas; a second file says the units.

Text that a spreadsheet would run (CWE-1236; OWASP ASVS 1.2.10) gets a ' before it, and so does text that looks like it
did already. To read it back, take one ' off text that begins with any number of them and one of = + - @ tab newline
NUL.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import CSVWriter

from selfsup.durable import replacing
from selfsup.exports.content import Content
from selfsup.spreadsheet import RISKY
from selfsup.types import ConfigError


def write_csv(content: Content, file: Path) -> None:
    """Write FILE.csv, and FILE.columns.csv with type, unit and description of each column; each is whole or not there.

    Numbers are as they are; missing ones, and NaN, are empty cells.

    Raises:
        ConfigError: the embedding was asked for.
    """
    if any(column.width for column in content.columns):
        raise ConfigError("task.embedding=true: CSV has no vectors; write .fits, .vot or .parquet")
    with replacing(file.with_suffix(".columns.csv")) as sink:
        sink.write(_columns(content).encode())
    names = guarded(pa.array([column.name for column in content.columns])).to_pylist()
    schema = pa.schema([(name, column.kind) for name, column in zip(names, content.columns, strict=True)])
    with replacing(file) as sink, CSVWriter(sink, schema) as writer:
        for table in content.tables():
            writer.write_table(pa.table([_cells(column) for column in table.columns], schema=schema))


def guarded(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text -> text that no spreadsheet runs."""
    return pc.replace_substring_regex(text, RISKY, r"'\1")


def _cells(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(values.type):
        return guarded(values)
    if pa.types.is_floating(values.type):
        return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    return values


def _columns(content: Content) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["name", "type", "unit", "description"])
    for column in content.columns:
        said = [column.name, str(column.kind), column.about.unit, column.about.description]
        table.writerow(guarded(pa.array(said)).to_pylist())
    return text.getvalue()
