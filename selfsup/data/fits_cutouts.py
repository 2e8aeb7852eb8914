"""FITS cut-outs, one file per galaxy, with one band or several: planes of one image, or an extension for each.

As the cut-out services of the Legacy Surveys, SDSS, HSC and MAST hand them out.
"""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from selfsup.data.decode import MAX_BYTES, Unreadable, content_of
from selfsup.data.fits_tables import MALFORMED, fault_of_counts
from selfsup.data.flux import FluxSource
from selfsup.data.pictures import FilePictures, Pictures
from selfsup.data.source import Galaxies, by_id, list_files, name_of
from selfsup.data.tables import read_table
from selfsup.extras import optional

_TILES = {"COMPRESSED_DATA", "GZIP_COMPRESSED_DATA"}
_SUFFIXES = (".fits", ".fit", ".fits.fz")


@dataclass(kw_only=True)
class FitsCutouts(FluxSource):
    """FITS files in a folder and below; a galaxy's id is its file's name without suffix.

    Args:
        hdus: numbers or names of the extensions whose planes follow each other; null for the first that holds an image.
        table: CSV or Parquet file in the folder, with a row per galaxy; null without.
        id_column: its column of ids; null for the first of id, id_str, image_id, GalaxyID, asset_id, objid.
    """

    hdus: list[int | str] | None
    table: str | None
    id_column: str | None

    def read(self) -> Galaxies:
        """List the files and put the table's rows to them; no file is opened yet.

        Raises:
            DataError: folder or table cannot be used.
            ConfigError: a tree: there are no votes; or astropy is not installed.
        """
        self.require_tree(None)
        optional("astropy.io.fits", "formats")
        found = by_id((_name(file), file) for file in list_files(self.folder, _SUFFIXES))
        columns: dict[str, np.ndarray] = {}
        if self.table is not None:
            table = read_table(Path(self.folder).expanduser() / self.table, self.id_column)
            columns = table.taken(table.rows_of(list(found)))
        return self.finished(Galaxies(list(found), list(found.values()), columns))

    def pictures(self, found: Galaxies) -> Pictures:
        """The files, stretched."""
        return FitsPictures(found, self)


class FitsPictures(FilePictures):
    """The files of a folder of cut-outs.

    Args:
        found: the galaxies and their files.
        source: how they are read and shown.
    """

    def __init__(self, found: Galaxies, source: FitsCutouts) -> None:
        super().__init__(found.ids, found.files, source.size_px, Path(source.folder))
        self.source = source

    def fingerprint(self) -> Iterator[str]:
        """Changes also with the planes and how they are shown."""
        yield f"{self.source.hdus} {self.source.shown_as()}"
        yield from super().fingerprint()

    def some(self, rows: Sequence[int]) -> Generator[np.ndarray | Unreadable, None, None]:
        """The pictures or faults of these files."""
        with warnings.catch_warnings():  # of headers that break the standard in ways that do not matter to the pixels
            warnings.filterwarnings("ignore", module=r"astropy\.")
            yield from super().some(rows)

    def read(self, file: Path) -> np.ndarray:
        """A file's picture.

        Raises:
            Unreadable: damaged, too large, or without the planes that are asked for.
        """
        return self.source.picture(planes_of(content_of(file), self.source.hdus))


def planes_of(content: bytes, hdus: list[int | str] | None) -> np.ndarray:
    """The bytes of a FITS file -> (C, H, W) float32, the planes of these extensions one after the other.

    Raises:
        Unreadable: not FITS, damaged, no such extension or no image in it, or more pixels than a cut-out has.
    """
    if not content.startswith(b"SIMPLE  ="):  # neither compressed as a whole: gzip can unpack to any size
        raise Unreadable("not a FITS file")
    if fault := fault_of_counts(content):
        raise Unreadable(f"damaged FITS file: {fault}")
    fits = optional("astropy.io.fits", "formats")
    try:
        _refuse_bombs(content, fits)
        with fits.open(io.BytesIO(content), memmap=False, lazy_load_hdus=True) as opened:
            planes = [_planes(opened[hdu], hdu) for hdu in _images(opened, hdus)]
    except (*MALFORMED, fits.VerifyError) as error:
        raise Unreadable(f"damaged FITS file: {error}") from error
    if len({plane.shape[1:] for plane in planes}) != 1:
        raise Unreadable(f"planes of different shapes: {', '.join(str(plane.shape[1:]) for plane in planes)}")
    return np.concatenate(planes)


def _images(opened: Any, hdus: list[int | str] | None) -> list[int | str]:
    if hdus is not None:
        return list(hdus)
    found = next((number for number, hdu in enumerate(opened) if hdu.is_image and hdu.header.get("NAXIS", 0) > 0), None)
    if found is None:
        raise Unreadable("no image in any extension")
    return [found]


def _planes(hdu: Any, name: int | str) -> np.ndarray:
    """One extension -> (C, H, W) float32; what its header announces is checked before it is unpacked."""
    shape = hdu.shape if hdu.is_image else ()
    if len(shape) not in (2, 3):
        raise Unreadable(f"extension {name} holds no image of two or three axes but {shape}")
    if prod(shape) * 8 > MAX_BYTES:
        raise Unreadable(f"extension {name} announces {shape} pixels")
    data = np.asarray(hdu.data, dtype=np.float32)
    return data if data.ndim == 3 else data[None]


def _refuse_bombs(content: bytes, fits: Any) -> None:
    """Raise where a tile unpacks to more than a cut-out has: of gzip alone nothing else says how much that is."""
    if b"GZIP" not in content:
        return
    with fits.open(io.BytesIO(content), disable_image_compression=True) as opened:
        for table in (hdu for hdu in opened if isinstance(hdu, fits.BinTableHDU)):
            for column in _TILES & {*table.columns.names}:
                for tile in table.data[column]:
                    _refuse_bomb(tile.tobytes())


def _refuse_bomb(tile: bytes) -> None:
    if tile.startswith(b"\x1f\x8b"):
        unpacking = zlib.decompressobj(wbits=31)
        if len(unpacking.decompress(tile, MAX_BYTES + 1)) > MAX_BYTES or unpacking.unused_data:
            raise Unreadable("damaged FITS file: a tile unpacks to more than its pixels")


def _name(file: Path) -> str:
    """The file's name without its suffix, of two parts where it is compressed."""
    return name_of(file.with_suffix("")) if file.suffix == ".fz" else name_of(file)
