"""Which galaxies are meant: conditions on columns, as data and never as a query language, all of which must hold.

    {COLUMN: [LOW, HIGH]}            a number in this range, both ends included; null leaves an end open
    {COLUMN: VALUE}                  equal to this text, number or truth value
    {COLUMN: {any: [VALUE, ...]}}    equal to one of them

A galaxy whose value is missing (null, NaN, or "") meets no condition on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from selfsup.analysis.rows import numbered
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError, DataError

Value: TypeAlias = str | int | float | bool
GRAMMAR = "a range [0.5, null] of numbers, a value, or {any: [VALUE, VALUE]}"


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; None for an open end, of which there is one at most."""

    low: float | None
    high: float | None

    def fits(self, kind: pa.DataType) -> bool:
        """Whether a column of this type has such values."""
        return _is_numeric(kind)

    def meets(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """(n,) booleans, null where the value is."""
        low, high = self.low, self.high
        if pa.types.is_integer(column.type):  # Arrow refuses to compare large ones with fractions
            low = None if low is None else _within_int64(math.ceil(low))
            high = None if high is None else _within_int64(math.floor(high))
        above = None if low is None else pc.greater_equal(column, low)
        below = None if high is None else pc.less_equal(column, high)
        return above if below is None else below if above is None else pc.and_(above, below)


@dataclass(frozen=True)
class OneOf:
    """Any of these values, which are all text, all truth values, or all numbers."""

    values: tuple[Value, ...]

    def fits(self, kind: pa.DataType) -> bool:
        """Whether a column of this type has such values."""
        if isinstance(self.values[0], str):
            return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
        if isinstance(self.values[0], bool):
            return bool(pa.types.is_boolean(kind))
        return _is_numeric(kind)

    def meets(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        """(n,) booleans, null where the value is."""
        values = list(self.values)
        if pa.types.is_integer(column.type):
            values = [int(v) for v in self.values if v == _within_int64(int(v))]
        return pc.is_in(column, value_set=pa.array(values, column.type))


class Where:
    """Conditions on columns, all of which must hold; none at all is met by every galaxy."""

    def __init__(self, conditions: Mapping[str, Range | OneOf]) -> None:
        self.conditions = dict(conditions)

    @property
    def columns(self) -> list[str]:
        """Those that are looked at."""
        return list(self.conditions)

    def require(self, catalogue: Catalogue) -> None:
        """Raise DataError unless the catalogue has all columns, of the types that are asked about."""
        for name, condition in self.conditions.items():
            catalogue.about(name)  # which names the nearest where there is none
            kind = _plain_type(catalogue.schema.field(name).type)
            if not condition.fits(kind):
                raise DataError(f"column '{name}' is {kind}, not what {condition} asks of it; a condition is {GRAMMAR}")

    def mask(self, table: pa.Table) -> np.ndarray:
        """A table with these columns -> (n,) bool, which galaxies meet every condition."""
        keep = np.ones(len(table), dtype=bool)
        for name, condition in self.conditions.items():
            met = condition.meets(table[name].cast(_plain_type(table[name].type)))
            keep &= pc.fill_null(met, False).to_numpy(zero_copy_only=False)
        return keep

    def over(self, catalogue: Catalogue) -> np.ndarray:
        """(N,) bool of a whole catalogue; reads only the columns that are looked at."""
        keep = np.ones(len(catalogue), dtype=bool)
        if self.conditions:
            for start, table in numbered(catalogue, self.columns):
                keep[start : start + len(table)] = self.mask(table)
        return keep


def parse_where(said: Mapping[str, Any], key: str = "task.where") -> Where:
    """What a configuration says -> conditions.

    Raises:
        ConfigError: it is none of the three forms; names the key.
    """
    return Where({str(name): _condition(value, f"{key}.{name}") for name, value in said.items()})


def _condition(said: Any, key: str) -> Range | OneOf:
    if isinstance(said, Mapping):
        if list(said) == ["any"] and isinstance(said["any"], Sequence) and not isinstance(said["any"], str):
            return _one_of(said["any"], key)
    elif isinstance(said, Sequence) and not isinstance(said, str):
        if len(said) == 2 and all(end is None or _is_number(end) for end in said) and any(e is not None for e in said):
            return _range(said[0], said[1], key)
    elif said is not None:
        return _one_of([said], key)
    raise ConfigError(f"{key}={said}: write {GRAMMAR}")


def _range(low: float | None, high: float | None, key: str) -> Range:
    if low is not None and high is not None and low > high:
        raise ConfigError(f"{key}=[{low}, {high}]: no number is in this range; write the lower end first")
    return Range(low, high)


def _one_of(values: Sequence[Any], key: str) -> OneOf:
    kinds = {"number" if _is_number(value) else type(value).__name__ for value in values}
    if len(kinds) != 1 or not kinds <= {"number", "str", "bool"} or "" in values:
        raise ConfigError(f"{key}={list(values)}: name one value or more, all text, all numbers, or all true and false")
    return OneOf(tuple(values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _within_int64(value: int) -> int:
    return max(-(2**63), min(value, 2**63 - 1))


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that values are compared in: of whole numbers the widest, of a coded column that of its values."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.int64() if pa.types.is_integer(kind) else kind
