"""Columns as a page draws them: numbers as float32, words as places in a list of words, other text not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from selfsup.catalogue import Catalogue
from selfsup.durable import synced
from selfsup.exports.columns import Column, cast

MOST_WORDS = 512
"""Different words of a column that can be told apart by colour or chosen from; more, and it is text."""
MISSING_WORD = 65535
_PASS_ROWS = 65_536
_NO_WORDS = pa.array([], pa.string())


@dataclass(frozen=True)
class Drawn:
    """What a page is told of a column.

    Args:
        name: of the column.
        kind: "number", "word" or "text".
        file: its values, relative to the catalogue's folder; None of text.
        words: those of a column of words, sorted.
        unit: of it.
        description: of it.
        low: first percentile of numbers; None where there are none.
        high: 99th percentile.
    """

    name: str
    kind: str
    file: str | None
    words: list[str]
    unit: str
    description: str
    low: float | None
    high: float | None


def draw_column(catalogue: Catalogue, column: Column, folder: Path, number: int) -> Drawn:
    """Write `columns/<number>.bin` where the column has one; one column is in memory."""
    file = f"columns/{number}.bin"
    about: dict[str, Any] = {"name": column.name, "unit": column.about.unit, "description": column.about.description}
    if not column.is_text and not pa.types.is_boolean(column.kind):
        values = _numbers(catalogue, column)
        _write(folder / file, values)
        low, high = _range(values)
        return Drawn(kind="number", file=file, words=[], low=low, high=high, **about)
    found = _words(catalogue, column)
    if found is None:
        return Drawn(kind="text", file=None, words=[], low=None, high=None, **about)
    words, places = found
    _write(folder / file, places)
    return Drawn(kind="word", file=file, words=words, low=None, high=None, **about)


def _passing(catalogue: Catalogue, column: Column) -> Iterator[pa.ChunkedArray]:
    return (cast(table[column.name], column) for table in catalogue.tables(_PASS_ROWS, [column.name]))


def _numbers(catalogue: Catalogue, column: Column) -> np.ndarray:
    """(N,) float32, NaN where a value is missing, not finite, or too large."""
    parts = [np.empty(0, dtype="<f4")]
    for part in _passing(catalogue, column):
        with np.errstate(over="ignore"):
            values = part.cast(pa.float64(), safe=False).to_numpy().astype("<f4")
        parts.append(np.where(np.isfinite(values), values, np.float32("nan")))
    return np.concatenate(parts)


def _range(values: np.ndarray) -> tuple[float | None, float | None]:
    """First and 99th percentile."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None, None
    low, high = np.percentile(known, [1, 99])
    return float(low), float(high)


def _words(catalogue: Catalogue, column: Column) -> tuple[list[str], np.ndarray] | None:
    """The words, sorted, and (N,) uint16 their places, `MISSING_WORD` for none; None where there are too many."""
    words, places = _NO_WORDS, [np.empty(0, dtype="<u2")]
    for part in _passing(catalogue, column):
        text = part.cast(pa.string())
        words = pc.unique(pa.chunked_array([words, *text.chunks])).drop_null()
        words = words.filter(pc.not_equal(words, ""))
        if len(words) > MOST_WORDS:
            return None
        places.append(pc.index_in(text, value_set=words).fill_null(MISSING_WORD).to_numpy().astype("<u2"))
    order = np.argsort(np.array(words.to_pylist(), dtype=object), kind="stable")
    new = np.full(MISSING_WORD + 1, MISSING_WORD, dtype="<u2")
    new[order] = np.arange(len(order))
    return [str(words[int(place)]) for place in order], new[np.concatenate(places)]


def _write(file: Path, values: np.ndarray) -> None:
    with synced(file) as stream:
        stream.write(np.ascontiguousarray(values).data)
