"""The fast path: every image is made once, at the size it is trained at, into one array that is mapped into memory.

Reading a row of the array is some ten times as fast as decoding a small JPEG. The array lives in
`<cache>/<digest>-<size>px/`, where the digest covers every source file's identity, length and date, or all that a
synthetic sky is made from: a changed source means another folder, never a stale row. A set is built beside its place
and renamed into it when it is complete and on disk: whatever kills the builder, there is a whole set or none.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selfsup.data.decode import Unreadable
from selfsup.data.packing import FORMAT, Fault, build, check_share, remove_abandoned
from selfsup.data.pictures import Pictures
from selfsup.spreadsheet import unguarded
from selfsup.types import DataError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Packed:
    """A complete set of images, in the order of their sources.

    Args:
        folder: where it lies.
        ids: the galaxy of each row.
        images: (N, size, size, 3) uint8, mapped read-only.
        unreadable: (id, origin, reason) of each galaxy that has no row.
    """

    folder: Path
    ids: list[str]
    images: np.memmap
    unreadable: list[Fault]

    def __reduce__(self) -> tuple[Callable[[Path, int], Packed], tuple[Path, int]]:
        """Another process maps the same files; a memory map pickles as a copy of everything."""
        return open_packed, (self.folder, self.images.shape[1])

    def index_of(self, ids: Sequence[str]) -> np.ndarray:
        """Galaxy ids -> (n,) int64 rows of `images`.

        Raises:
            DataError: an id has no row: its image was unreadable, or it was never packed.
        """
        rows = {galaxy: row for row, galaxy in enumerate(self.ids)}
        missing = [galaxy for galaxy in ids if galaxy not in rows]
        if missing:
            raise DataError(
                f"{self.folder}: {len(missing)} of {len(ids)} galaxies have no packed image, such as {missing[0]!r}; "
                f"leave out those that unreadable.csv there names"
            )
        return np.array([rows[galaxy] for galaxy in ids], dtype=np.int64)


class PackedPictures(Pictures):
    """Pictures that are packed already, in the places that they had before.

    Args:
        pictures: what was packed.
        packed: what became of it.
    """

    def __init__(self, pictures: Pictures, packed: Packed) -> None:
        super().__init__(pictures.ids, pictures.size_px)
        self.made_of, self.images = pictures, packed.images
        self._place = {galaxy: place for place, galaxy in enumerate(packed.ids)}
        self._fault = {galaxy: reason for galaxy, _, reason in packed.unreadable}

    def fingerprint(self) -> Iterator[str]:
        """As before."""
        return self.made_of.fingerprint()

    def some(self, rows: Sequence[int]) -> Generator[np.ndarray | Unreadable, None, None]:
        """The pictures, mapped; or why they were not packed."""
        for galaxy in (self.ids[row] for row in rows):
            place = self._place.get(galaxy)
            yield Unreadable(self._fault[galaxy]) if place is None else self.images[place]

    def origin(self, row: int) -> str:
        """As before."""
        return self.made_of.origin(row)


def pack(pictures: Pictures, cache: str, max_unreadable_share: float) -> Packed:
    """Draw each picture once and keep the result; a set that is complete is opened without drawing anything.

    Args:
        pictures: where they come from.
        cache: folder in which packed sets live.
        max_unreadable_share: share of the pictures, in [0, 1], that may be unreadable; they get no row.

    Raises:
        DataError: more are unreadable than allowed, or all; the cache cannot be written; a packed set is damaged.
    """
    count, size_px = len(pictures), pictures.size_px
    if not count:
        raise DataError("there are no images to pack; see data.folder")
    home = Path(cache).expanduser().resolve()
    folder = home / f"{_digest(pictures)}-{size_px}px"
    if not folder.exists():
        try:
            home.mkdir(parents=True, exist_ok=True)
            remove_abandoned(home)
            _require_room(home, count, size_px)
            build(folder, pictures, max_unreadable_share)
        except OSError as error:
            raise DataError(f"{home}: cannot write packed images there ({error}); set data.cache=...") from error
    packed = open_packed(folder, size_px)
    check_share(packed.unreadable, count, max_unreadable_share)
    if packed.unreadable:
        shown = "; ".join(f"{origin}: {reason}" for _, origin, reason in packed.unreadable[:3])
        _log.warning(
            "%d of %d images are unreadable and left out (%s); all are listed in %s",
            *(len(packed.unreadable), count, shown, folder / "unreadable.csv"),
        )
    return packed


def _digest(pictures: Pictures) -> str:
    """A name that changes when an id or a source of any picture changes."""
    total = hashlib.sha256(f"{FORMAT} {pictures.size_px}".encode())
    for piece in pictures.fingerprint():
        total.update(piece.encode())
    return total.hexdigest()[:20]


def _require_room(home: Path, count: int, size_px: int) -> None:
    needed, free = count * size_px**2 * 3, shutil.disk_usage(home).free
    if needed > free:
        raise DataError(
            f"{home}: {count} images of {size_px} px need {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            f"make room, set data.cache=... to another disk, or choose a smaller data.size_px"
        )


def open_packed(folder: Path, size_px: int) -> Packed:
    """Map the set that is in this folder.

    Raises:
        DataError: something changed it since it was written.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        ids = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
        with (folder / "unreadable.csv").open(encoding="utf-8", newline="") as stream:
            rows = [[unguarded(cell) for cell in row] for row in csv.reader(stream)][1:]
        unreadable = [(row[0], row[1], row[2]) for row in rows]
        length = (folder / "images.npy").stat().st_size
        expected = {"format": FORMAT, "size_px": size_px, "count": len(ids), "images_bytes": length}
        if manifest != expected:
            raise ValueError(f"manifest.json says {manifest}, the files say {expected}")
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        if images.shape != (len(ids), size_px, size_px, 3) or images.dtype != np.uint8:
            raise ValueError(f"images.npy holds {images.shape} {images.dtype}")
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise DataError(f"{folder}: damaged set of packed images ({error}); delete the folder to rebuild it") from error
    return Packed(folder, ids, images, unreadable)
