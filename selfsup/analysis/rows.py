"""Some galaxies of a catalogue, by their ids or their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from selfsup.catalogue import Catalogue
from selfsup.types import DataError

BATCH_ROWS = 8192
"""Galaxies in memory together: 34 MB of embeddings of width 512 in double precision."""


def numbered(catalogue: Catalogue, columns: Sequence[str], rows: int = BATCH_ROWS) -> Iterator[tuple[int, pa.Table]]:
    """The number of its first galaxy (they count from 0), and a part of the catalogue: ids and these columns."""
    start = 0
    for table in catalogue.tables(rows, list(dict.fromkeys(columns))):
        yield start, table
        start += len(table)


def find(catalogue: Catalogue, ids: Sequence[str]) -> np.ndarray:
    """Ids -> (n,) numbers of the galaxies, the first where an id stands twice.

    Raises:
        DataError: an id is not in the catalogue.
    """
    asked, found, like = pa.array(ids, pa.string()), np.full(len(ids), -1, dtype=np.int64), ""
    for start, table in numbered(catalogue, []):
        there = table["id"].combine_chunks()
        place = pc.index_in(asked.cast(there.type), value_set=there).fill_null(-1).to_numpy()
        new = (found < 0) & (place >= 0)
        found[new] = start + place[new]
        if (found >= 0).all():
            return found
        like = like or repr(there[0].as_py())
    missing = [name for name, row in zip(ids, found, strict=True) if row < 0]
    raise DataError(f"no galaxy {missing[0]!r} in the catalogue ({len(missing)} missing), whose ids are like {like}")


def take(catalogue: Catalogue, rows: np.ndarray, columns: Sequence[str]) -> pa.Table:
    """Ids and these columns (`embedding` may be one) of the galaxies of these numbers (n,), in that order."""
    wanted, back = np.unique(rows, return_inverse=True)
    return catalogue.take(wanted, columns).take(pa.array(back))


def embeddings(table: pa.Table) -> np.ndarray:
    """A table with `id` and `embedding` -> (n, D) float32.

    Raises:
        DataError: one is missing or not finite; names the galaxies.
    """
    column = table["embedding"]
    known = column.is_valid().to_numpy()
    matrix = np.full((len(table), column.type.list_size), np.nan, dtype=np.float32)
    # A missing embedding has no values in the flattened list.
    matrix[known] = column.combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(known.sum(), -1)
    if not np.isfinite(matrix).all():
        bad = table["id"].filter(pa.array(~np.isfinite(matrix).all(axis=1))).to_pylist()
        raise DataError(f"the embedding of {len(bad)} galaxies such as {bad[0]} is not finite; embed them again")
    return matrix
