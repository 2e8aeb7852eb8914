"""What may stand in a catalogue: the checks and conversions between what callers give, Arrow, and numpy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from selfsup.types import DataError

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
Values: TypeAlias = "np.ndarray[Any, Any] | Sequence[Any]"
Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"


@dataclass(frozen=True)
class About:
    """What the numbers of a column are.

    Args:
        unit: as FITS and the Virtual Observatory spell it ("deg", "mag", "km/s"); "" without.
        description: a line for people; "" without.
    """

    unit: str = ""
    description: str = ""


def validate_rows(ids: list[str], matrix: Floats) -> None:
    """Raise DataError unless there is an id, as text, and a finite row of the matrix for each galaxy."""
    if matrix.ndim != 2 or not matrix.shape[1]:
        raise DataError(f"embeddings are a table of (galaxies, width), not {matrix.shape}; give one row per galaxy.")
    if len(ids) != len(matrix):
        raise DataError(f"{len(ids)} ids for {len(matrix)} embeddings; give one of each per galaxy.")
    for i, name in enumerate(ids):
        if not isinstance(name, str):
            raise DataError(f"row {i}: id {name!r} is {type(name).__name__}, not text; numbers lose digits, use str.")
    if not np.isfinite(matrix).all():
        refuse_not_finite(ids, matrix)


def refuse_not_finite(ids: list[str], matrix: Floats) -> None:
    """Raise DataError that names the galaxies whose row of the matrix (N, D) is not finite."""
    bad = [ids[row] for row in np.flatnonzero(~np.isfinite(matrix).all(axis=1))]
    names = ", ".join(bad[:10]) + (", ..." if len(bad) > 10 else "")
    raise DataError(
        f"the embedding is not finite for {len(bad)} galaxies ({names}); leave them out or embed them again."
    )


def to_text(ids: list[str]) -> pa.Array:
    """Ids in Arrow; DataError for one that UTF-8 has no bytes for, such as half of a surrogate pair."""
    try:
        return pa.array(ids, pa.string())
    except UnicodeEncodeError as error:
        raise DataError(f"id {error.object!r} cannot be written as UTF-8; rename it.") from error


def to_json(provenance: Mapping[str, JSON]) -> str:
    """Provenance as it is kept; DataError for what JSON has no word for."""
    try:
        return json.dumps(provenance, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"provenance cannot be kept as JSON ({error}); give text, numbers, lists and dicts.") from error


def to_arrow(name: str, values: Values, length: int) -> pa.ChunkedArray:
    """Values of a column -> a copy of them in Arrow.

    Raises:
        DataError: not `length` single values of one type, or the name is `id` or `embedding`.
    """
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
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise DataError(f"column '{name}': {error}; give numbers, text, booleans or dates, of one type.") from error
    if pa.types.is_nested(array.type):
        raise DataError(f"column '{name}' holds {array.type}; give single values, in several columns.")
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def to_numpy(column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """A column -> (N,) that can be written to: text as objects, missing text "", missing numbers NaN."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.fill_null("")
    elif column.null_count and (pa.types.is_boolean(column.type) or pa.types.is_null(column.type)):
        column = column.cast(pa.float64())
    return np.array(column.to_numpy())  # a copy: what Arrow hands out cannot be written to


def described(name: str, kind: pa.DataType, about: About) -> pa.Field:
    """A column's name, type and meaning, as a field of Arrow, which keeps the meaning in its metadata.

    Raises:
        DataError: a name that is not UTF-8.
    """
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise DataError(f"column {name!r}: not UTF-8; give it another name.")
    said = {"unit": about.unit, "description": about.description}
    return pa.field(name, kind, metadata={key: text for key, text in said.items() if text} or None)


def about_of(field: pa.Field) -> About:
    """What a field's metadata say of its column."""
    said = {key.decode(errors="replace"): text.decode(errors="replace") for key, text in (field.metadata or {}).items()}
    return About(said.get("unit", ""), said.get("description", ""))
