"""Ratings and rankings as CSV: for people who look at galaxies elsewhere, and for what they send back.

An id that a spreadsheet would run as a formula (it begins with = + - @, a tab or a return) is written behind an
apostrophe (OWASP, "CSV injection"; CWE-1236), which is taken off again on reading.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import CSVWriter

from selfsup.analysis.journal import LEAST, MOST, Journal
from selfsup.durable import replacing
from selfsup.spreadsheet import RISKY, unguarded
from selfsup.types import DataError

_ROWS = 100_000
"""Written at a time."""


def write_ranking(ids: pa.ChunkedArray, columns: Mapping[str, np.ndarray], rows: np.ndarray, out: Path) -> None:
    """Write `id` and the columns (N,) of these rows, in their order; a number that is NaN is an empty cell."""
    out.parent.mkdir(parents=True, exist_ok=True)
    names = ["id", *columns]
    schema = pa.schema([("id", pa.string()), *((name, pa.from_numpy_dtype(v.dtype)) for name, v in columns.items())])
    with replacing(out) as stream, CSVWriter(stream, schema) as table:
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            texts = pc.replace_substring_regex(ids.take(pa.array(part)), RISKY, r"'\1").combine_chunks()
            numbers = [pa.array(values[part], from_pandas=True) for values in columns.values()]
            table.write_table(pa.table([texts, *numbers], names))


def read_ratings(file: Path) -> list[tuple[str, float]]:
    """A CSV with the columns `id` and `rating` -> its pairs, without those that have no rating.

    Raises:
        DataError: no such file or columns, or a rating that is none; names the line.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            table = csv.DictReader(stream)
            if lacking := {"id", "rating"} - set(table.fieldnames or ()):
                raise DataError(f"{file}: no column {' or '.join(sorted(lacking))}; write a table with id,rating.")
            rows = [(table.line_num, row["id"] or "", (row["rating"] or "").strip()) for row in table]
    except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: {error}; name a CSV file, in UTF-8, with the columns id,rating.") from error
    return [(unguarded(name), _rating(file, line, text)) for line, name, text in rows if text]


def merge_ratings(journal: Journal, ratings: Sequence[tuple[str, float]], ids: pa.ChunkedArray, who: str) -> int:
    """Add to the journal what `who` has not said already -> how many; so reading a file twice changes nothing.

    Raises:
        DataError: a galaxy that is not in the catalogue, in which case none is added.
    """
    named = pa.array([name for name, _ in ratings], pa.string())
    if strangers := named.filter(pc.invert(pc.is_in(named, value_set=ids))).to_pylist():
        some = ", ".join(strangers[:5]) + (", ..." if len(strangers) > 5 else "")
        raise DataError(f"{who}: {len(strangers)} of {len(ratings)} rated ids are not in the catalogue: {some}.")
    said = {entry.id: entry.rating for entry in journal.entries() if entry.who == who}
    new = [(name, rating) for name, rating in ratings if said.get(name) != rating]
    if new:
        journal.add(new, who)
    return len(new)


def _rating(file: Path, line: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not LEAST <= value <= MOST:
        raise DataError(f"{file}, line {line}: rating {text!r}: write a number from {LEAST:g} to {MOST:g}, or nothing.")
    return value
