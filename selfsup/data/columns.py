"""Columns of several files, one file after the other; a column that a file does not have is missing there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Part = tuple[int, Mapping[str, np.ndarray]]
"""How many rows a file has, and its columns: float64 (NaN missing) or object str ("" missing)."""


def joined(parts: Sequence[Part]) -> dict[str, np.ndarray]:
    """All columns of all files; one that is text in any of them is text."""
    names = dict.fromkeys(name for _, columns in parts for name in columns)
    return {name: _column([(count, columns.get(name)) for count, columns in parts]) for name in names}


def _column(pieces: list[tuple[int, np.ndarray | None]]) -> np.ndarray:
    is_text = any(values is not None and values.dtype == object for _, values in pieces)
    fit = [np.full(count, np.nan) if values is None else values for count, values in pieces]
    return np.concatenate([_text(values) for values in fit] if is_text else fit)


def _text(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return values
    return np.array(["" if np.isnan(value) else f"{value:.15g}" for value in values], dtype=object)
