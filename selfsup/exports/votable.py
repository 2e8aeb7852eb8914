"""A catalogue as a VOTable of the Virtual Observatory, its rows as BINARY2, written part by part.

VOTable 1.4 (Ochsenbein et al. 2019, https://www.ivoa.net/documents/VOTable/20191021/), sections 4 (the elements) and
6.4 (BINARY2). astropy writes the same a value at a time: minutes for a hundred thousand galaxies.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa

from selfsup.durable import replacing
from selfsup.exports.binary_rows import packed, row_type
from selfsup.exports.columns import Column
from selfsup.exports.content import Content
from selfsup.types import DataError

_DATATYPES = {
    **{pa.bool_(): "boolean", pa.int16(): "short", pa.int32(): "int", pa.int64(): "long"},
    **{pa.float32(): "float", pa.float64(): "double"},
}
_TEXTS = {"ascii": "char", "utf-16-be": "unicodeChar"}
_BYTES = {"ascii": 1, "utf-16-be": 2}
"""Of a letter."""
_OPENING = """<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE type="results">
<INFO name="provenance" value={provenance}/>
<TABLE name="catalogue">
{fields}
"""
_CLOSING = """</TABLE>
</RESOURCE>
</VOTABLE>
"""
_LINE_BYTES = 57
"""That a line of base64, of 76 letters, stands for."""


def write_votable(content: Content, file: Path) -> None:
    """Write a file with one table; it is whole or not there.

    Raises:
        DataError: a text that ends in its middle, as a NUL ends it.
    """
    content = content.measured()
    for column in content.columns:
        if column.extent.nul:
            raise DataError(f"column {column.name!r}: {column.extent.nul!r} has a NUL, which ends text; write .parquet")
    encodings = {column.name: _encoding(column) for column in content.columns if column.is_text}
    texts = {c.name: _letters(c) * _BYTES[_encoding(c)] for c in content.columns if c.is_text}
    kind = row_type(content.columns, texts, flags=True)
    rows = (packed(table, kind, encodings) for table in content.tables())
    with replacing(file) as sink:
        sink.write(f'{_opening(content, "")}<DATA><BINARY2><STREAM encoding="base64">\n'.encode())
        sink.writelines(_in_base64(rows))
        sink.write(f"</STREAM></BINARY2></DATA>\n{_CLOSING}".encode())


def header(content: Content) -> str:
    """Measured content -> its table without data, with text of any length up to the longest: what VOParquet keeps."""
    return _opening(content, "*") + _CLOSING


def _opening(content: Content, upto: str) -> str:
    """All up to the fields; `upto` follows the width of text: "" where all is as wide, "*" where it may be shorter."""
    marks = _marks([column.name for column in content.columns])
    fields = [_field(mark, column, upto) for mark, column in zip(marks, content.columns, strict=True)]
    return _OPENING.format(provenance=quoteattr(content.provenance), fields="\n".join(fields))


def _marks(names: Iterable[str]) -> list[str]:
    """Names as identifiers of XML, no two the same: astropy calls columns by these unless asked for their names."""
    marks: list[str] = []
    for name in names:
        mark = plain = re.sub(r"^(?![A-Za-z_])", "_", re.sub(r"[^A-Za-z0-9_.-]", "_", name))
        while mark in marks:
            mark = f"{plain}_{len(marks)}"
        marks.append(mark)
    return marks


def _field(mark: str, column: Column, upto: str) -> str:
    if column.is_text:
        datatype, size = _TEXTS[_encoding(column)], f"{_letters(column)}{upto}"
    else:
        datatype, size = ("float", str(column.width)) if column.width else (_DATATYPES[column.kind], "")
    said = {"ID": mark, "name": column.name, "datatype": datatype, "arraysize": size, "unit": column.about.unit}
    attributes = " ".join(f"{key}={quoteattr(text)}" for key, text in said.items() if text)
    if not column.about.description:
        return f"<FIELD {attributes}/>"
    return f"<FIELD {attributes}><DESCRIPTION>{escape(column.about.description)}</DESCRIPTION></FIELD>"


def _encoding(column: Column) -> str:
    return "utf-16-be" if column.extent.strange else "ascii"


def _letters(column: Column) -> int:
    """That a cell of text has room for."""
    return max(1, column.extent.units if column.extent.strange else column.extent.characters)


def _in_base64(parts: Iterable[bytes]) -> Iterator[bytes]:
    """In lines, which do not end where parts do."""
    held = b""
    for part in parts:
        held += part
        whole = len(held) - len(held) % _LINE_BYTES
        yield base64.encodebytes(held[:whole])
        held = held[whole:]
    yield base64.encodebytes(held)
