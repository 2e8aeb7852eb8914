"""HDF5 files of many images: what a file claims is checked before anything is read.

A dataset can point into other files, announce chunks of any size, or hold Python objects; none of it is followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.data.decode import MAX_BYTES
from selfsup.data.hdf5_texts import texts_of
from selfsup.extras import optional
from selfsup.spelling import nearest
from selfsup.types import DataError

BLOCK_BYTES = 4 * MAX_BYTES
"""Of rows read at once, and of a chunk unpacked."""

_MOST_RATIO = 2000
"""Times that a dataset may be as long as what is stored of it; gzip shrinks zeros to a thousandth."""

_MALFORMED = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)
"""What h5py raises on bytes that are not the file they claim to be."""

_EXACT = 2**53
"""The largest integer up to which float64 holds every integer."""


@contextmanager
def opened_hdf5(file: Path) -> Iterator[Any]:
    """The file, to read.

    Raises:
        DataError: no such file, not HDF5, or damaged where it is read.
        ConfigError: h5py is not installed.
    """
    h5py = optional("h5py", "formats")
    if not file.is_file():
        raise DataError(f"{file}: no such file; see selfsup/data/README.md for where it comes from")
    try:
        h5 = h5py.File(file, "r")
    except OSError as error:
        raise DataError(f"{file}: not a readable HDF5 file ({error}); get it again") from error
    try:
        with h5:
            yield h5
    except _MALFORMED as error:
        raise DataError(f"{file}: damaged HDF5 file ({error}); get it again") from error


def images_of(h5: Any, name: str, file: Path) -> Any:
    """The dataset of that name, (N, ...) numbers whose rows and chunks are small enough to be read.

    Raises:
        DataError: it is not there, lies in another file, or is too large.
    """
    found = dataset(h5, name, file)
    if found.ndim < 3 or found.dtype.kind not in "uif":
        raise DataError(
            f"{file}: dataset {name!r} holds {found.shape} {found.dtype}, not a row of numbers for each image"
        )
    if prod(found.shape[1:]) * found.dtype.itemsize > MAX_BYTES:
        raise DataError(f"{file}: dataset {name!r}: images of {found.shape[1:]}: too large")
    _refuse_claims(found, name, file)
    return found


def _refuse_claims(found: Any, name: str, file: Path) -> None:
    """Raise where a dataset unpacks to far more than there is of it, or a chunk of it to more than fits.

    Or where its numbers are laid out as no machine's are, which the library converts for ever.
    """
    h5t = optional("h5py", "formats").h5t
    if found.dtype.kind in "uif" and found.id.get_type() != h5t.py_create(found.dtype):
        raise DataError(f"{file}: dataset {name!r} holds numbers of a kind that no machine has; get it again")
    length, stored = found.size * found.dtype.itemsize, found.id.get_storage_size()
    if prod(found.chunks or (1,)) * found.dtype.itemsize > BLOCK_BYTES:
        raise DataError(f"{file}: dataset {name!r}: chunks of {found.chunks}: too large")
    if length > _MOST_RATIO * max(stored, 1):
        raise DataError(f"{file}: dataset {name!r} announces {found.shape}, of which {stored} bytes are there")


def dataset(h5: Any, name: str, file: Path) -> Any:
    """The dataset of that name, which lies in this very file.

    Raises:
        DataError: it is not there, or lies elsewhere.
    """
    h5py = optional("h5py", "formats")
    place = h5
    for part in name.split("/"):
        if part not in place:
            raise DataError(f"{file}: no dataset {name!r}{nearest(part, list(place))}; there are: {', '.join(place)}")
        if not isinstance(place.get(part, getlink=True), h5py.HardLink):
            raise DataError(f"{file}: {name!r} is a link, which may lead into another file; copy what it points to")
        place = place[part]
    if not isinstance(place, h5py.Dataset):
        raise DataError(f"{file}: {name!r} is a group, not a dataset; there are in it: {', '.join(place)}")
    if place.is_virtual or place.external:
        raise DataError(f"{file}: dataset {name!r} lies in other files; write it into one")
    return place


def column_of(h5: Any, name: str, file: Path) -> np.ndarray:
    """A one-dimensional dataset as (N,) float64, or object str where it is text or integers that float64 cannot hold.

    Raises:
        DataError: it is not there, or is no column.
    """
    found = dataset(h5, name, file)
    if found.ndim != 1 or not _is_plain(found):
        raise DataError(f"{file}: dataset {name!r} holds {found.shape} {found.dtype}, not one value for each image")
    _refuse_claims(found, name, file)
    if found.dtype.kind == "O":
        return np.array(texts_of(file, name, len(found)), dtype=object)
    if found.dtype.kind not in "uifb":
        return np.array(found.asstr(errors="replace")[:], dtype=object)
    values = found[:]
    if values.dtype.kind in "ui" and len(values) and (values.max() > _EXACT or values.min() < -_EXACT):
        return np.array([str(value) for value in values], dtype=object)
    return np.asarray(values, dtype=np.float64)


def columns_of(h5: Any, count: int, file: Path, but: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """All columns of `count` values at the top of a file, by name; what is no such column is left out."""
    h5py = optional("h5py", "formats")
    own = [name for name in h5 if name not in but and isinstance(h5.get(name, getlink=True), h5py.HardLink)]
    fit = [name for name in own if isinstance(h5[name], h5py.Dataset) and h5[name].shape == (count,)]
    return {name: column_of(h5, name, file) for name in fit if _is_plain(h5[name])}


def _is_plain(found: Any) -> bool:
    """Whether a dataset holds numbers or text, and not Python objects, references or records."""
    return found.dtype.kind in "uifb" or optional("h5py", "formats").check_string_dtype(found.dtype) is not None
