"""One column of a data set becomes what is learnt and probed: classes become indices, values stay values."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from selfsup.data.tables import require_column
from selfsup.types import DataError


def read_label(
    columns: Mapping[str, np.ndarray], column: str, classes: list[str] | None, unknown: Collection[str], where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Columns of N values -> the label (N,), and its class's name or value (N,) to show.

    The label is an int64 index into `classes`, -1 unknown; without classes a float32 value, NaN unknown.
    With `classes`, a value must be one of them, or, where the column holds numbers and no class is called by one, its
    index: 0 and 1 are ["no-ring", "ring"]. Without, the column must hold numbers.

    Raises:
        DataError: no such column, a value that is no class, text without classes, or all values the same.
    """
    label, shown = some_label(columns, column, classes, unknown, where)
    known = np.flatnonzero(np.isfinite(label) if classes is None else label >= 0)
    if len(np.unique(label[known])) < 2:
        what = f"only {shown[known[0]]!r}" if len(known) else "no value at all"
        raise DataError(f"{where}: column {column!r} has {what}, so there is nothing to learn; set data.label=...")
    return label, shown


def some_label(
    columns: Mapping[str, np.ndarray], column: str, classes: list[str] | None, unknown: Collection[str], where: str
) -> tuple[np.ndarray, np.ndarray]:
    """The same for a few galaxies of many, which may well be all alike.

    Raises:
        DataError: no such column, a value that is no class, or text without classes.
    """
    require_column(column, columns, where)
    values = columns[column]
    return _values(values, column, where) if classes is None else _indices(values, column, classes, unknown, where)


def _seen(values: np.ndarray) -> str:
    """Some of the values of a column, for an error."""
    different = sorted({str(value) for value in values if value != ""})
    return ", ".join(different[:20]) + (f" and {len(different) - 20} more" if len(different) > 20 else "")


def _values(values: np.ndarray, column: str, where: str) -> tuple[np.ndarray, np.ndarray]:
    if values.dtype == object:
        raise DataError(
            f"{where}: column {column!r} holds text, so name its classes: data.classes=[...], from {_seen(values)}"
        )
    return values.astype(np.float32), values


def _indices(
    values: np.ndarray, column: str, classes: list[str], unknown: Collection[str], where: str
) -> tuple[np.ndarray, np.ndarray]:
    if len(set(classes)) != len(classes):
        raise DataError(f"{where}: data.classes={classes} names a class twice; name each once")
    names = _names(values, classes)
    index = {name: position for position, name in enumerate(map(str, classes))}
    missing = {"", *unknown} - index.keys()
    strange = sorted({name for name in names if name not in index and name not in missing})
    if strange:
        raise DataError(
            f"{where}: column {column!r} has {', '.join(strange[:10])}, not among data.classes={list(classes)}; "
            f"values there are: {_seen(names)}"
        )
    label = np.array([index.get(name, -1) for name in names], dtype=np.int64)
    return label, np.array([name if name in index else "" for name in names], dtype=object)


def _names(values: np.ndarray, classes: list[str]) -> np.ndarray:
    """Values of a column -> names of classes; "" missing."""
    if values.dtype == object:
        return values
    numbers = [f"{value:.15g}" if np.isfinite(value) else "" for value in values]
    if not any(str(name).lstrip("+-").replace(".", "", 1).isdigit() for name in classes):
        by_index = {str(position): str(name) for position, name in enumerate(classes)}
        numbers = [by_index.get(number, number) for number in numbers]
    return np.array(numbers, dtype=object)
