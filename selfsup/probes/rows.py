"""What a probe reads: the rows of a catalogue that have a label or a number, sorted by id.

Sorting by id makes every sum that follows, and so every score, independent of the order in which shards were written.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfsup.catalogue import Catalogue
from selfsup.types import DataError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rows:
    """The rows that have what a probe asks for, sorted by id.

    Args:
        ids: N galaxy ids.
        features: (N, D) float32 embeddings.
        target: (N,) int64 index into the class names, or (N, A) float64 numbers.
    """

    ids: list[str]
    features: np.ndarray
    target: np.ndarray


def read_classes(train: Catalogue, test: Catalogue, column: str, key: str) -> tuple[Rows, Rows, tuple[str, ...]]:
    """Labelled rows of both catalogues and the K class names, sorted (numbers by value); `target` indexes them.

    Missing is "" in a text column, and NaN or -1 in a column of whole numbers. A class that only test has stays among
    the names: its galaxies count as errors.

    Raises:
        DataError: the column is missing, holds fractions, or one of the catalogues has fewer than two classes of it.
    """
    texts = [_class_texts(part, column, key) for part in (train, test)]
    names = tuple(sorted({name for text in texts for name in text if name}, key=_by_value))
    index = {name: k for k, name in enumerate(names)} | {"": -1}
    rows = []
    for part, text, which in zip((train, test), texts, ("train", "test"), strict=True):
        code = np.array([index[name] for name in text], dtype=np.int64)
        present = [names[k] for k in np.unique(code[code >= 0])]
        if len(present) < 2:
            raise DataError(
                f"The {which} catalogue's column '{column}' has {f'only {present[0]!r}' if present else 'no label'}; "
                f"two classes are needed. Columns there are: {_listed(part.columns)}. Choose another with {key}=..., "
                f"or use more galaxies."
            )
        rows.append(_rows(part, code, code >= 0))
    _report_overlap(rows[0], rows[1], key)
    return rows[0], rows[1], names


def read_numbers(train: Catalogue, test: Catalogue, columns: Sequence[str], key: str) -> tuple[Rows, Rows]:
    """Rows of both catalogues in which all A columns are known; `target` is (N, A).

    Raises:
        DataError: a column is missing or is text, or the rows left in one of the catalogues are all equal.
    """
    rows = []
    for part, which in ((train, "train"), (test, "test")):
        target = np.stack([_numbers(part, column, key) for column in columns], axis=1)
        known = np.isfinite(target)
        complete = known.all(axis=1)
        if not complete.any() or not np.ptp(target[complete], axis=0).any():
            raise DataError(
                f"The {which} catalogue has {complete.sum()} of {len(part)} rows with a number in all of "
                f"{_listed(columns)} ('{columns[int(known.sum(axis=0).argmin())]}' has fewest), no two different. "
                f"Columns there are: {_listed(part.columns)}. Choose others with {key}=..., or use more galaxies."
            )
        rows.append(_rows(part, target, complete))
    _report_overlap(rows[0], rows[1], key)
    return rows[0], rows[1]


def read_all(train: Catalogue, test: Catalogue, key: str) -> tuple[Rows, Rows]:
    """All rows of both catalogues; `target` is (N, 0)."""
    train_rows, test_rows = (_rows(part, np.empty((len(part), 0)), np.ones(len(part), bool)) for part in (train, test))
    _report_overlap(train_rows, test_rows, key)
    return train_rows, test_rows


def _rows(part: Catalogue, target: np.ndarray, known: np.ndarray) -> Rows:
    ids = part.ids
    order = np.array(sorted(np.flatnonzero(known), key=lambda row: ids[row]), dtype=np.int64)
    return Rows([ids[row] for row in order], part.embedding()[order], target[order])


def _class_texts(part: Catalogue, column: str, key: str) -> list[str]:
    values = _column(part, column, key)
    if values.dtype.kind not in "biuf":
        return [str(value) for value in values]
    numbers = values.astype(np.float64)
    known = np.isfinite(numbers) & (numbers != -1)
    fractions = numbers[known][numbers[known] % 1 != 0]
    if len(fractions):
        raise DataError(
            f"Column '{column}' holds fractions such as {fractions[0]:g}, not classes. Name a column of classes with "
            f"{key}=..., or fit the numbers with probe=regression."
        )
    return [str(int(number)) if there else "" for number, there in zip(numbers, known, strict=True)]


def _numbers(part: Catalogue, column: str, key: str) -> np.ndarray:
    values = _column(part, column, key)
    if values.dtype.kind not in "biuf":
        raise DataError(
            f"Column '{column}', asked for by {key}, is text, not numbers. Columns there are: {_listed(part.columns)}. "
            f"Name a column of numbers with {key}=..., or classify the texts with probe=linear."
        )
    return values.astype(np.float64)


def _column(part: Catalogue, column: str, key: str) -> np.ndarray:
    if not part.has(column):
        raise DataError(
            f"The catalogue has no column '{column}', asked for by {key}. Columns there are: "
            f"{_listed(part.columns) or 'none'}. Choose one of them with {key}=..., or embed data that has it."
        )
    return np.asarray(part.column(column))


def _report_overlap(train: Rows, test: Rows, key: str) -> None:
    shared = set(train.ids) & set(test.ids)
    if shared:
        _log.warning("%s: %d galaxies are in both train and test, so the scores are too good.", key, len(shared))


def _by_value(name: str) -> tuple[int, int, str]:
    is_number = name.removeprefix("-").isdecimal()
    return (0, int(name), name) if is_number else (1, 0, name)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
