"""Which galaxies are interesting, where a column knows: a share of votes above a limit, or a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfsup.analysis.journal import MOST
from selfsup.catalogue import Catalogue
from selfsup.spelling import nearest
from selfsup.types import ConfigError, DataError

_USAGE = "write {column: NAME, above: 0.6} for a share of votes, or {column: NAME, class: NAME}"


@dataclass(frozen=True)
class Truth:
    """What is true of N galaxies.

    Args:
        rating: (N,) what a person would say, 0 to 5: five times the share, rounded; or 0 and 5. NaN unknown.
        interesting: (N,) bool; False where unknown.
    """

    rating: np.ndarray
    interesting: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """(N,) bool."""
        return np.asarray(~np.isnan(self.rating))


def read_truth(catalogue: Catalogue, said: Mapping[str, Any]) -> Truth:
    """`{column: NAME, above: LIMIT}` or `{column: NAME, class: NAME}` -> what the column says.

    Raises:
        ConfigError: other keys than these.
        DataError: no such column, shares that are none, or nobody who is interesting, or nobody who is not.
    """
    if set(said) not in ({"column", "above"}, {"column", "class"}):
        raise ConfigError(f"task.truth={dict(said)}: {_USAGE}.")
    column = str(said["column"])
    values = catalogue.column(column)
    truth = _shares(column, values, said["above"]) if "above" in said else _class(column, values, str(said["class"]))
    count = int(truth.interesting.sum())
    if not 0 < count < int(truth.known.sum()):
        raise DataError(
            f"task.truth: {count} of {int(truth.known.sum())} galaxies with a '{column}' are interesting: there is"
            " nothing to find; choose another limit or class."
        )
    return truth


def _shares(column: str, values: np.ndarray, above: float) -> Truth:
    if values.dtype.kind not in "fiub":
        raise DataError(f"column '{column}' holds text, no shares of votes; {_USAGE}.")
    share = values.astype(np.float64)
    if not ((share >= 0) & (share <= 1) | np.isnan(share)).all():
        low, high = np.nanmin(share), np.nanmax(share)
        raise DataError(f"column '{column}' lies between {low:g} and {high:g}, but shares of votes within 0 and 1.")
    return Truth(np.round(MOST * share), share > above)


def _class(column: str, values: np.ndarray, name: str) -> Truth:
    names = np.array([str(value) for value in values], dtype=object)
    there = sorted(set(names) - {"", "nan"})
    if name not in there:
        raise DataError(
            f"column '{column}' has no class '{name}'{nearest(name, there)}; it has: {', '.join(there[:20])}."
        )
    interesting = names == name
    unknown = (names == "") | (names == "nan")
    return Truth(np.where(unknown, np.nan, np.where(interesting, MOST, 0.0)), interesting)
