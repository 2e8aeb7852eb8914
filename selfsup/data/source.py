"""The contract of a data set: a folder is read into galaxies, their image files, columns, votes and label.

A reader finds files and reads tables, and opens no image; `packed.pack` does, through the `Pictures` it is handed. What
all readers share is here: finding the images and the table beside them, the shares of the votes as columns, the label.
"""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from selfsup.data.endless import Endless
from selfsup.data.labels import read_label
from selfsup.data.pictures import FilePictures, Pictures, leads_out
from selfsup.data.tables import Table, read_table
from selfsup.types import ConfigError, DataError
from selfsup.votes import QuestionTree

_SUFFIXES = (".jpg", ".jpeg", ".png")
_OTHER_PICTURES = (".tif", ".tiff", ".webp", ".bmp", ".gif")
_READERS = {
    **dict.fromkeys(_SUFFIXES, "data=images"),
    **dict.fromkeys(_OTHER_PICTURES, "save them as PNG"),
    **dict.fromkeys((".fits", ".fit", ".fz"), "data=fits_cutouts"),
    **dict.fromkeys((".h5", ".hdf5"), "data=flux_hdf5"),
    ".parquet": "data=parquet_images",
    ".tar": "data=tar_images",
}
"""What may lie in a folder -> how it is read."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Galaxies:
    """What a reader found; the image files are not yet opened.

    Args:
        ids: (N) no two the same.
        files: (N) images; none where the source draws them itself.
        columns: name -> (N,) float64 (NaN missing) or object str ("" missing).
        votes: (N, A) float32 counts; a row of zeros is a galaxy nobody voted on.
        tree: what the A columns of the votes are.
        label: (N,) int64 index into `classes`, -1 unknown; or float32 value, NaN unknown.
        classes: names of the classes; empty where the label is a value.
    """

    ids: list[str]
    files: list[Path]
    columns: dict[str, np.ndarray]
    votes: np.ndarray | None = None
    tree: QuestionTree | None = None
    label: np.ndarray | None = None
    classes: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Source(ABC):
    """A data set, as the group `data` of the configuration names it.

    Args:
        folder: where it lies.
        size_px: edge of the packed images, in pixels.
        cache: folder of the packed images.
        max_unreadable_share: share of the images, in [0, 1], that may be unreadable.
        tree: name of the question tree of the votes; null without votes.
        label: column that is to be learnt and probed; null without.
        classes: names of the label's classes, in the order of their indices; null where the label is a value.
    """

    folder: str
    size_px: int
    cache: str
    max_unreadable_share: float
    tree: str | None
    label: str | None
    classes: list[str] | None

    structures: ClassVar[tuple[str, ...]] = ()
    """Names of the K maps that `structure_maps` returns."""
    made_up: ClassVar[bool] = False
    """Whether the galaxies are of a sky that does not exist."""

    @abstractmethod
    def read(self) -> Galaxies:
        """Find the galaxies.

        Raises:
            DataError: something is missing or malformed; says which file or column and what to do.
        """

    def structure_maps(self, ids: Sequence[str]) -> np.ndarray:
        """Galaxy ids -> (n, K, size, size) bool: where each of `structures` is; of this kind of data nobody knows.

        Raises:
            DataError: there are no such maps.
        """
        raise DataError(f"{self.folder}: no maps of structure belong to these images; only data=synthetic has them")

    def pictures(self, found: Galaxies) -> Pictures:
        """What is to be packed: here, the files."""
        return FilePictures(found.ids, found.files, self.size_px, Path(self.folder))

    def endless(self) -> Endless | None:
        """Galaxies to learn from in place of the packed ones; here none."""
        return None

    def elsewhere(self, surveys: Mapping[str, dict[str, Any]]) -> dict[str, Source]:
        """Name of a survey -> the same galaxies as it sees them; of a real sky, none."""
        return {}

    def galaxy_of(self, picture: str) -> str:
        """Id of a picture -> the galaxy in it: all pictures of one belong to the same part of the data."""
        return picture

    def require_tree(self, expected: str | None) -> None:
        """Raise ConfigError unless `tree` is the one whose answers the files of this data set hold."""
        if self.tree != expected:
            raise ConfigError(f"data.tree={self.tree}: the votes of this data set are of the tree {expected or 'null'}")

    def beside_images(self, table: str, id_column: str) -> tuple[dict[str, Path], Table, np.ndarray]:
        """The folder's `images/` and a table beside them -> files by id, the table, and the row (N,) of each file.

        An image without a row has row -1; a row without an image is left out.

        Raises:
            DataError: no images, or a table that is missing or malformed.
        """
        found = find_images(Path(self.folder, "images"))
        read = read_table(Path(self.folder, table), id_column)
        return found, read, read.rows_of(list(found))

    def finished(self, galaxies: Galaxies, unknown: Collection[str] = ()) -> Galaxies:
        """The last step of every `read`: adds the shares of the votes, the label, and what it is called as a column.

        Args:
            galaxies: with columns and votes.
            unknown: values of the label column that stand for no class, unless `classes` names them.

        Raises:
            DataError: the label cannot be learnt (see `read_label`).
        """
        galaxies = with_shares(galaxies)
        if self.label is None:
            return galaxies
        label, shown = read_label(galaxies.columns, self.label, self.classes, unknown, self.folder)
        columns = {**galaxies.columns, "label": shown}
        return replace(galaxies, label=label, classes=tuple(self.classes or ()), columns=columns)


def find_images(folder: str | Path) -> dict[str, Path]:
    """All images below a folder, by `name_of`, in the order of their paths.

    Raises:
        DataError: as `list_files`, or two images of one name.
    """
    return by_id((name_of(file), file) for file in list_files(folder))


def name_of(file: Path) -> str:
    """The id of a galaxy: its file's name without suffix, in UTF-8; other bytes are a backslash, x and two digits."""
    return os.fsencode(file.stem).decode(errors="backslashreplace")


def by_id(pairs: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """(id, file) pairs -> id -> file.

    Raises:
        DataError: two files would be one galaxy; names them.
    """
    found: dict[str, Path] = {}
    for galaxy, file in pairs:
        if galaxy in found:
            raise DataError(
                f"{found[galaxy]} and {file} would both be galaxy {galaxy!r}; rename one (its name without suffix is "
                f"its id), or give each an id in a table with data.table=... and data.file_column=..."
            )
        found[galaxy] = file
    return found


def list_images(folder: str | Path, suffixes: tuple[str, ...] = _SUFFIXES) -> list[Path]:
    """As `list_files`, of files all of which must be usable.

    Raises:
        DataError: the same, or a file is a link that leads out of the folder.
    """
    found = list_files(folder, suffixes)
    for file in found:
        _refuse_link_outside(file, Path(folder).expanduser().resolve())
    return found


def list_files(folder: str | Path, suffixes: tuple[str, ...] = _SUFFIXES) -> list[Path]:
    """All files with these suffixes in a folder and below, JPEG and PNG ones, sorted by path; hidden ones left out.

    A link to a file outside is among them: like all that is no image, it is refused when it is read (`FilePictures`).

    Raises:
        DataError: no such folder, no image, a folder that cannot be listed, or a link to one outside.
    """
    root = Path(folder).expanduser().resolve()
    if not root.is_dir():
        raise DataError(f"{root}: no such folder of images; set data.folder=...")
    files: list[Path] = []
    others: Counter[str] = Counter()
    for file in _shown(root):
        if file.name.lower().endswith(suffixes):
            files.append(file)
        else:
            others[file.suffix.lower()] += 1
    if not files:
        there = _said_of(others, _READERS)
        raise DataError(f"{root}: no image ({', '.join(suffixes)}) in this folder or below{there}; set data.folder=...")
    if suffixes == _SUFFIXES and (left := _said_of(others, _OTHER_PICTURES)):
        _log.warning("%s: left out%s", root, left)
    return sorted(files)


def _shown(root: Path) -> Iterator[Path]:
    """All files in a folder and below that are not hidden, in no order."""
    for place, folders, names in os.walk(root, onerror=_refuse_unlisted):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            _refuse_link_outside(Path(place, name), root)
        yield from (Path(place, name) for name in names if not name.startswith("."))


def _said_of(others: Counter[str], kinds: Collection[str]) -> str:
    """How the files of these kinds are read: ", 3 .tif files (save them as PNG)"; "" where there is none."""
    found = [(suffix, count) for suffix, count in others.most_common() if suffix in kinds]
    return "".join(f", {count} {suffix} files ({_READERS[suffix]})" for suffix, count in found)


def with_shares(galaxies: Galaxies) -> Galaxies:
    """Adds `<answer>_share`, the share of all volunteers that gave each answer; NaN where nobody voted."""
    if galaxies.votes is None or galaxies.tree is None:
        return galaxies
    shares = galaxies.tree.shares(galaxies.tree.fractions(galaxies.votes))
    shares[galaxies.votes.sum(axis=1) == 0] = np.nan
    added = {f"{answer}_share": shares[:, column] for column, answer in enumerate(galaxies.tree.answers)}
    return replace(galaxies, columns={**galaxies.columns, **added})


def _refuse_unlisted(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be listed ({error.strerror}); allow it, or move the folder away")


def _refuse_link_outside(path: Path, root: Path) -> None:
    if leads_out(path, root):
        raise DataError(f"{path} is a link that leads out of {root}; copy what it points to, or remove it")
