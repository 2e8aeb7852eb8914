"""A catalogue as a binary table of a FITS file, written part by part.

FITS Standard 4.0 (Pence et al. 2010, doi:10.1051/0004-6361/201015362), section 7.3. Units are TUNITn, descriptions the
TCOMMn that TOPCAT reads and writes, missing integers TNULLn. The provenance, JSON, is the HISTORY of the first header,
its cards to be joined without anything between. Text is printable ASCII of fixed width: there is no other in FITS.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from selfsup.durable import replacing
from selfsup.exports.binary_rows import NULL, packed, row_type
from selfsup.exports.columns import Column
from selfsup.exports.content import Content
from selfsup.extras import optional
from selfsup.types import DataError

_CODES = {
    **{pa.bool_(): "L", pa.int16(): "I", pa.int32(): "J", pa.int64(): "K"},
    **{pa.float32(): "E", pa.float64(): "D"},
}
_BLOCK = 2880
"""Bytes that headers and data are filled up to."""
_CARD_LETTERS = 72
"""Of a line of the header, after its keyword."""
_MOST_COLUMNS = 999
_OTHERWISE = "leave it out of task.columns, or write .vot or .parquet"


def write_fits(content: Content, file: Path) -> None:
    """Write a file with one binary table, `CATALOGUE`; it is whole or not there.

    Raises:
        ConfigError: astropy is not installed.
        DataError: something that FITS cannot hold; says what.
    """
    if len(content.columns) > _MOST_COLUMNS:
        raise DataError(f"{len(content.columns)} columns, and FITS holds {_MOST_COLUMNS}; choose with task.columns")
    content = content.measured()
    for column in content.columns:
        _refuse_strange(column)
    texts = {column.name: max(1, column.extent.characters) for column in content.columns if column.is_text}
    kind = row_type(content.columns, texts, flags=False)
    heads = _header(_first_cards(content)) + _header(_table_cards(content, kind.itemsize))
    with replacing(file) as sink:
        sink.write(heads)
        for table in content.tables():
            sink.write(packed(table, kind, dict.fromkeys(texts, "ascii")))
        sink.write(bytes(-content.rows * kind.itemsize % _BLOCK))


def _refuse_strange(column: Column) -> None:
    """Raise DataError for what FITS has no way to say."""
    for text in (column.name, column.about.unit):
        if not text.isascii():
            raise DataError(
                f"column {column.name!r}: {text!r} is not ASCII, which names and units are in FITS; write .vot"
            )
    extent = column.extent
    if extent.strange:
        raise DataError(
            f"column {column.name!r} holds {extent.strange!r}, and text in FITS is printable ASCII without spaces at "
            f"its end; {_OTHERWISE}"
        )
    if extent.missing and extent.least == NULL[column.kind]:
        raise DataError(f"column {column.name!r} holds {extent.least}, which stands for missing; {_OTHERWISE}")


def _first_cards(content: Content) -> Iterator[tuple[str, Any]]:
    yield from (("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True))
    # A card loses spaces at its end, so none ends with one: no two follow each other, as JSON can spell them otherwise.
    rest = content.provenance.replace("  ", r" \u0020")
    while rest:
        piece = rest[:_CARD_LETTERS].rstrip()
        yield "HISTORY", piece
        rest = rest[len(piece) :]


def _table_cards(content: Content, row_bytes: int) -> Iterator[tuple[str, Any]]:
    yield from (("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", row_bytes), ("NAXIS2", content.rows))
    yield from (("PCOUNT", 0), ("GCOUNT", 1), ("TFIELDS", len(content.columns)), ("EXTNAME", "CATALOGUE"))
    for number, column in enumerate(content.columns, start=1):
        yield f"TTYPE{number}", column.name
        yield f"TFORM{number}", _form(column)
        if column.about.unit:
            yield f"TUNIT{number}", column.about.unit
        if column.about.description:
            yield f"TCOMM{number}", _comment(column.about.description)
        if column.is_integer and column.extent.missing:
            yield f"TNULL{number}", NULL[column.kind]


def _comment(text: str) -> str:
    """A description as a value of the header."""
    plain = text.encode("ascii", "backslashreplace").decode()
    # astropy tears the two ' that stand for one apart where a text goes on in the next card.
    return plain.replace("'", "`") if len(plain) + plain.count("'") > _CARD_LETTERS - 10 else plain


def _form(column: Column) -> str:
    """What a cell holds, in the letters of FITS."""
    if column.is_text:
        return f"{max(1, column.extent.characters)}A"
    return f"{column.width}E" if column.width else _CODES[column.kind]


def _header(cards: Iterator[tuple[str, Any]]) -> bytes:
    fits = optional("astropy.io.fits", "formats")
    return bytes(fits.Header(list(cards)).tostring().encode("ascii"))
