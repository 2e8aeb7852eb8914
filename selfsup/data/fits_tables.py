"""The first table of a FITS file, as TOPCAT, astropy and the archives of surveys write catalogues.

Columns of single values become Arrow's; what is missing (TNULL, a logical that is neither true nor false) is null.
Vectors and columns of varying length are passed over, as they are of Parquet.
"""

from __future__ import annotations

import mmap
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from selfsup.extras import optional
from selfsup.types import DataError

MALFORMED = (
    OSError,
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    EOFError,
    MemoryError,
    zlib.error,
)
"""What astropy raises on bytes that are not the file they claim to be."""

_TRUE, _FALSE = ord("T"), ord("F")
_COUNTS = (b"NAXIS   = ", b"TFIELDS = ")
_MOST = 999
"""Axes, and columns: FITS Standard 4.0, sections 4.4.1 and 7.3.1; also of extensions, each of which takes time."""
_BLOCK_BYTES = 2880
"""At a multiple of which a header begins; section 3.1."""


def read_fits_table(file: Path) -> pa.Table:
    """Read a file; whatever else it holds is not looked at.

    Raises:
        ConfigError: astropy is not installed.
        DataError: compressed as a whole, damaged, or without a table.
    """
    fits = optional("astropy.io.fits", "formats")
    with file.open("rb") as stream:
        if stream.read(9) != b"SIMPLE  =":  # neither gzip, which can unpack to any size
            raise DataError(f"{file}: not a FITS file; unpack it first if it is compressed")
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if fault := fault_of_counts(content):
                raise DataError(f"{file}: {fault}; get it again")
    try:
        with warnings.catch_warnings():  # of headers that break the standard in ways that do not matter to the values
            warnings.filterwarnings("ignore", module=r"astropy\.")
            # Astropy leaves a file open where it refuses it.
            with file.open("rb") as stream, fits.open(stream, memmap=True) as opened:
                table = next((hdu for hdu in opened if _is_table(hdu, fits)), None)
                columns = {} if table is None else _columns(table)
    except (*MALFORMED, fits.VerifyError) as error:
        raise DataError(f"{file}: damaged FITS file ({error}); get it again") from error
    if not columns:
        raise DataError(f"{file}: no table with columns of single values; name the file that holds the catalogue")
    return pa.table(columns)


def fault_of_counts(content: bytes | mmap.mmap) -> str:
    """Why the headers of a file are none: more axes, columns or extensions than a reader should go over; or ""."""
    extensions = sum(place % _BLOCK_BYTES == 0 for place in _places(content, b"XTENSION="))
    if extensions > _MOST:
        return f"it has {extensions} extensions, and {_MOST} is the most"
    for key in _COUNTS:
        for place in _places(content, key):
            said = content[place + len(key) : place + 80].partition(b"/")[0].strip()
            if said.lstrip(b"+").isdigit() and int(said) > _MOST:
                return f"its header announces {key.decode().split()[0]} = {said.decode()[:20]}, and {_MOST} is the most"
    return ""


def _places(content: bytes | mmap.mmap, key: bytes) -> Iterator[int]:
    place = content.find(key)
    while place >= 0:
        yield place
        place = content.find(key, place + 80)


def _is_table(hdu: Any, fits: Any) -> bool:
    """Compressed images lie in tables, too."""
    return isinstance(hdu, fits.BinTableHDU | fits.TableHDU) and not isinstance(hdu, fits.CompImageHDU)


def _columns(table: Any) -> dict[str, pa.Array]:
    if len(set(table.columns.names)) < len(table.columns):
        raise ValueError("two columns have one name")
    columns = {column.name: _column(table.data, place, column) for place, column in enumerate(table.columns)}
    return {name: values for name, values in columns.items() if values is not None}


def _column(data: Any, place: int, column: Any) -> pa.Array | None:
    """One column, or None where its cells are no single values."""
    values = np.asarray(data.field(place))
    if values.ndim != 1 or values.dtype.kind not in "biufSU":
        return None
    if values.dtype.kind in "SU":
        return pa.array([text.rstrip() for text in values.astype(np.str_).tolist()], pa.string())
    if values.dtype.kind == "b":
        raw = data.view(np.ndarray)[data.dtype.names[place]]
        return pa.array(raw == _TRUE, mask=(raw != _TRUE) & (raw != _FALSE))
    native = values.astype(values.dtype.newbyteorder("="))
    missing = native == column.null if column.null is not None and native.dtype.kind in "iu" else None
    return pa.array(native, mask=missing)
