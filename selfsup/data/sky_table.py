"""What is known of the galaxies of a synthetic sky, and what volunteers said: worked out once, kept as Parquet."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from selfsup import trees
from selfsup.data.parallel import in_order
from selfsup.data.progress import Work, reported
from selfsup.data.rendering import Sky, chunks
from selfsup.durable import replacing
from selfsup.types import DataError

_FORMAT = 2
"""Raised when the columns change: it is part of the file's name."""
_WORK = Work("describing", "described", "galaxies")

Known = list[dict[str, float | str]]


@dataclass(frozen=True)
class SkyTable:
    """The N rows of a sky.

    Args:
        ids: of the pictures.
        columns: the truth; float64 (NaN missing) or object str ("" missing).
        votes: (N, A) float32 counts, or None without a tree.
    """

    ids: list[str]
    columns: dict[str, np.ndarray]
    votes: np.ndarray | None


def sky_table(sky: Sky, count: int, cache: str) -> SkyTable:
    """The table of the first `count` positions, from the cache where it is there.

    Raises:
        DataError: the cache cannot be written, or something changed the table since it was.
    """
    home = Path(cache).expanduser().resolve()
    about = json.dumps({"format": _FORMAT, "count": count, **sky.describe()}, sort_keys=True)
    file = home / f"{hashlib.sha256(about.encode()).hexdigest()[:20]}-sky.parquet"
    if not file.is_file():
        table = _described(sky, count)
        try:
            home.mkdir(parents=True, exist_ok=True)
            with replacing(file) as stream:
                pq.write_table(table, stream)
        except OSError as error:
            raise DataError(f"{home}: cannot write the sky's table there ({error}); set data.cache=...") from error
    return _read(file, sky)


def columns_of(known: Known) -> dict[str, np.ndarray]:
    """One mapping for each galaxy -> one column for each name."""
    return {name: _column([row[name] for row in known]) for name in known[0]}


def _described(sky: Sky, count: int) -> pa.Table:
    parts = chunks(count)
    ids: list[str] = []
    known: Known = []
    votes: list[np.ndarray] = []
    with reported(count, _WORK) as advance:
        for names, rows, counts in in_order(partial(_describe, sky, parts), len(parts)):
            ids.extend(names)
            known.extend(rows)
            votes.append(counts)
            advance(len(names))
    answers = trees.tree(sky.tree).answers if sky.tree else ()
    columns = {"id": np.array(ids, dtype=object), **columns_of(known)}
    return pa.table(columns | dict(zip(answers, np.concatenate(votes).T, strict=True)))


def _describe(sky: Sky, parts: list[range], task: int) -> tuple[list[str], Known, np.ndarray]:
    return *sky.truth(parts[task]), sky.votes(parts[task])


def _column(values: list[float | str]) -> np.ndarray:
    if any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    return np.array(values, dtype=np.float64)


def _read(file: Path, sky: Sky) -> SkyTable:
    try:
        table = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{file}: damaged table of a sky ({error}); delete it to have it made again") from error
    answers = trees.tree(sky.tree).answers if sky.tree else ()
    columns = {name: np.asarray(table.column(name)) for name in table.column_names if name not in ("id", *answers)}
    votes = np.stack([np.asarray(table.column(answer)) for answer in answers], axis=1) if answers else None
    return SkyTable(table.column("id").to_pylist(), columns, votes)
