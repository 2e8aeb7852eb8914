"""The few types of columns that every format has, and how all others become one of them.

Those are booleans, signed integers of 16, 32 and 64 bits, floats of 32 and 64, text, and the embedding as a vector.
Smaller and unsigned integers become the next wider one; dates become text (ISO 8601); missing text is "".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from selfsup.catalogue import About, Catalogue
from selfsup.types import DataError

_SAID = {"id": About(description="name of the galaxy"), "embedding": About(description="what the encoder saw")}


@dataclass(frozen=True)
class Extent:
    """What some formats must know of all values of a column before the first is written.

    Args:
        characters: of the longest text.
        units: of the longest text in UTF-16, two bytes each.
        strange: a text that FITS has no letters for (printable ASCII, no space at the end); "" if there is none.
        nul: a text with a NUL, which ends a text of fixed width; "" if there is none.
        missing: whether an integer or a truth value is missing.
        least: smallest integer; 0 without any.
    """

    characters: int = 0
    units: int = 0
    strange: str = ""
    nul: str = ""
    missing: bool = False
    least: int = 0

    def joined(self, other: Extent) -> Extent:
        """Of the values of both."""
        return Extent(
            max(self.characters, other.characters),
            max(self.units, other.units),
            self.strange or other.strange,
            self.nul or other.nul,
            self.missing or other.missing,
            min(self.least, other.least),
        )


@dataclass(frozen=True)
class Column:
    """A column that is exported.

    Args:
        name: printable.
        kind: one of the few types.
        about: unit and description, printable and on one line.
        extent: of its values, where they were looked through.
    """

    name: str
    kind: pa.DataType
    about: About
    extent: Extent = Extent()

    @property
    def is_text(self) -> bool:
        """Whether its values are text."""
        return bool(pa.types.is_string(self.kind))

    @property
    def is_integer(self) -> bool:
        """Whether its values are integers."""
        return bool(pa.types.is_integer(self.kind))

    @property
    def width(self) -> int:
        """Numbers in each cell where it is a vector, else 0."""
        return int(self.kind.list_size) if pa.types.is_fixed_size_list(self.kind) else 0


def column_of(catalogue: Catalogue, name: str) -> Column:
    """A column of a catalogue, its ids or its embedding.

    Raises:
        DataError: no such column, or one that no format can hold.
    """
    about = _SAID[name] if name in _SAID else catalogue.about(name)
    unit, description = " ".join(about.unit.split()), " ".join(about.description.split())
    for text in (name, unit, description):
        if not text.isprintable():
            raise DataError(f"column {name!r}: {text!r} cannot be printed; rename it, or leave it out of task.columns")
    if not name:
        raise DataError("a column has no name; give it one")
    return Column(name, _kind(name, catalogue.schema.field(name).type), About(unit, description))


def _kind(name: str, stored: pa.DataType) -> pa.DataType:
    """The type of the few that holds all values of another."""
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    if pa.types.is_boolean(stored) or pa.types.is_float32(stored) or name == "embedding":
        return stored
    if pa.types.is_integer(stored):
        bits = stored.bit_width + (1 if pa.types.is_unsigned_integer(stored) else 0)
        return pa.int16() if bits <= 16 else pa.int32() if bits <= 32 else pa.int64()
    if pa.types.is_float16(stored):
        return pa.float32()
    if pa.types.is_floating(stored) or pa.types.is_decimal(stored) or pa.types.is_null(stored):
        return pa.float64()
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_date, pa.types.is_timestamp, pa.types.is_time)
    if any(fits(stored) for fits in text):
        return pa.string()
    raise DataError(f"column {name!r} holds {stored}, which no format here has; leave it out of task.columns")


def cast(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """Values as they are stored -> as they are exported.

    Raises:
        DataError: one does not fit.
    """
    if column.width and values.null_count:
        raise DataError(f"{values.null_count} galaxies have no {column.name}; embed them again, or leave it out")
    try:
        fit = values.cast(column.kind)
    except pa.ArrowInvalid as error:
        raise DataError(f"column {column.name!r}: {error}; leave it out of task.columns, or make it text") from error
    if pa.types.is_timestamp(values.type):
        fit = pc.replace_substring(fit, " ", "T", max_replacements=1)
    return fit.fill_null("") if column.is_text else fit


def measured(column: Column, extent: Extent) -> Column:
    """The column with its extent.

    Truth values of which one is missing are integers from here on, 0 and 1: astropy reads the missing one of a FITS
    file as false, and a VOParquet file with one not at all.
    """
    is_three_valued = pa.types.is_boolean(column.kind) and extent.missing
    return replace(column, extent=extent, kind=pa.int16() if is_three_valued else column.kind)


def extent_of(values: pa.ChunkedArray) -> Extent:
    """Of text, integers or truth values as they are exported."""
    if not pa.types.is_string(values.type):
        least = pc.min(values.cast(pa.int64())).as_py() or 0
        return Extent(missing=values.null_count > 0, least=min(0, least))
    beyond = pc.count_substring_regex(values, r"[\x{10000}-\x{10FFFF}]")  # two units each
    lengths = pc.utf8_length(values)
    return Extent(
        characters=pc.max(lengths).as_py() or 0,
        units=pc.max(pc.add(lengths, beyond)).as_py() or 0,
        strange=_first(values, pc.invert(pc.match_substring_regex(values, r"^([ -~]*[!-~])?$"))),
        nul=_first(values, pc.match_substring(values, "\0")),
    )


def _first(values: pa.ChunkedArray, where: pa.ChunkedArray) -> str:
    found = values.filter(where)
    return str(found[0].as_py()) if len(found) else ""
