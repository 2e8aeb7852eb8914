"""Rows of fixed width, numbers with their highest byte first: what FITS tables and VOTable's BINARY2 have in common.

FITS Standard 4.0 (Pence et al. 2010, doi:10.1051/0004-6361/201015362), section 7.3.3; VOTable 1.4 (IVOA), section 6.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from selfsup.exports.columns import Column

NULL = {kind: int(np.iinfo(kind.to_pandas_dtype()).min) for kind in (pa.int16(), pa.int32(), pa.int64())}
"""Type of integers -> the one that stands for a missing one."""

_NUMBERS = {pa.int16(): ">i2", pa.int32(): ">i4", pa.int64(): ">i8", pa.float32(): ">f4", pa.float64(): ">f8"}
FLAGS = "flags"


def row_type(columns: Sequence[Column], text_bytes: Mapping[str, int], flags: bool) -> np.dtype[np.void]:
    """How a row lies in the file.

    Args:
        columns: of the table.
        text_bytes: name of a column of text -> bytes of each cell.
        flags: whether rows begin with a bit for each column that says whether its cell is missing.
    """
    fields: list[tuple[str, str] | tuple[str, str, tuple[int, ...]]] = []
    if flags:
        fields.append((FLAGS, "u1", (-(-len(columns) // 8),)))
    for number, column in enumerate(columns):
        if column.width:
            fields.append((str(number), ">f4", (column.width,)))
        elif column.is_text:
            fields.append((str(number), f"S{text_bytes[column.name]}"))
        else:
            fields.append((str(number), _NUMBERS.get(column.kind, "S1")))
    return np.dtype(fields)


def packed(table: pa.Table, kind: np.dtype[np.void], encodings: Mapping[str, str]) -> bytes:
    """Rows of a table as bytes.

    Args:
        table: in the few types.
        kind: how a row lies.
        encodings: name of a column of text -> its encoding.
    """
    rows = np.zeros(len(table), dtype=kind)
    for number, name in enumerate(table.column_names):
        rows[str(number)] = _cells(table.column(name), encodings.get(name, ""))
    if FLAGS in (kind.names or ()):
        missing = [column.is_null().to_numpy() for column in table.columns]
        rows[FLAGS] = np.packbits(np.column_stack(missing), axis=1)
    return rows.tobytes()


def _cells(values: pa.ChunkedArray, encoding: str) -> np.ndarray | list[bytes]:
    kind = values.type
    if encoding:
        return [text.encode(encoding) for text in values.to_pylist()]
    if pa.types.is_fixed_size_list(kind):
        return np.asarray(values.combine_chunks().flatten().to_numpy(False)).reshape(-1, kind.list_size)
    if pa.types.is_boolean(kind):
        return np.where(values.to_numpy(), b"T", b"F")
    cells: np.ndarray = values.fill_null(NULL.get(kind, np.nan)).to_numpy()
    return cells
