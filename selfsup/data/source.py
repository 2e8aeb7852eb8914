"""The contract of a data set: a folder is read into galaxies, their image files, columns, votes and label.

A reader finds files and reads tables, and opens no image; decoding is `packed.pack`'s. What all readers share is here:
finding the images, the shares of the votes as columns, and the label.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from selfsup.data.tables import require_column
from selfsup.types import ConfigError, DataError
from selfsup.votes import QuestionTree

_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Galaxies:
    """What a reader found; the image files are not yet opened.

    Args:
        ids: (N) no two the same.
        files: (N) images.
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

    @abstractmethod
    def read(self) -> Galaxies:
        """Find the galaxies.

        Raises:
            DataError: something is missing or malformed; says which file or column and what to do.
        """

    def require_tree(self, expected: str | None) -> None:
        """Raise ConfigError unless `tree` is the one whose answers the files of this data set hold."""
        if self.tree != expected:
            raise ConfigError(f"data.tree={self.tree}: the votes of this data set are of the tree {expected or 'null'}")

    def finished(self, galaxies: Galaxies, unknown: Collection[str] = ()) -> Galaxies:
        """The last step of every `read`: adds the shares of the votes and the label.

        Args:
            galaxies: with columns and votes.
            unknown: values of the label column that stand for no class, unless `classes` names them.
        """
        galaxies = with_shares(galaxies)
        if self.label is None:
            return galaxies
        return with_label(galaxies, self.label, self.classes, unknown, self.folder)


def find_images(folder: str | Path) -> dict[str, Path]:
    """All images below a folder, by name without suffix, in the order of their paths.

    Raises:
        DataError: as `list_images`, or two images of one name.
    """
    return by_id((file.stem, file) for file in list_images(folder))


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


def list_images(folder: str | Path) -> list[Path]:
    """All JPEG and PNG files in a folder and below, sorted by path; hidden ones left out.

    Raises:
        DataError: no such folder, no image, or a link that leads out of the folder.
    """
    root = Path(folder).expanduser().resolve()
    if not root.is_dir():
        raise DataError(f"{root}: no such folder of images; set data.folder=...")
    files: list[Path] = []
    for place, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images = [name for name in names if name.lower().endswith(_SUFFIXES) and not name.startswith(".")]
        for name in (*folders, *images):
            _refuse_link_outside(Path(place, name), root)
        files.extend(Path(place, name) for name in images)
    if not files:
        raise DataError(f"{root}: no image ({', '.join(_SUFFIXES)}) in this folder or below; set data.folder=...")
    return sorted(files)


def with_shares(galaxies: Galaxies) -> Galaxies:
    """Adds `<answer>_share`, the share of all volunteers that gave each answer; NaN where nobody voted."""
    if galaxies.votes is None or galaxies.tree is None:
        return galaxies
    shares = galaxies.tree.shares(galaxies.tree.fractions(galaxies.votes))
    shares[galaxies.votes.sum(axis=1) == 0] = np.nan
    added = {f"{answer}_share": shares[:, column] for column, answer in enumerate(galaxies.tree.answers)}
    return replace(galaxies, columns={**galaxies.columns, **added})


def with_label(
    galaxies: Galaxies, column: str, classes: list[str] | None, unknown: Collection[str], where: str
) -> Galaxies:
    """Adds the label, and as column `label` the class's name or the value.

    With `classes`, a value must be one of them, or, where the column holds numbers and no class is called by one, its
    index: 0 and 1 are ["no-ring", "ring"]. Without, the column must hold numbers.

    Raises:
        DataError: no such column, a value that is no class, text without classes, or all values the same.
    """
    require_column(column, galaxies.columns, where)
    values = galaxies.columns[column]
    if classes is None:
        label, shown = _values(values, column, where)
        known = label[np.isfinite(label)]
    else:
        label, shown = _indices(values, column, classes, unknown, where)
        known = label[label >= 0]
    if len(np.unique(known)) < 2:
        what = f"only {shown[np.flatnonzero(_is_known(label))[0]]!r}" if len(known) else "no value at all"
        raise DataError(f"{where}: column {column!r} has {what}, so there is nothing to learn; set data.label=...")
    return replace(galaxies, label=label, classes=tuple(classes or ()), columns={**galaxies.columns, "label": shown})


def _refuse_link_outside(path: Path, root: Path) -> None:
    if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
        raise DataError(f"{path} is a link that leads out of {root}; copy what it points to, or remove it")


def _is_known(label: np.ndarray) -> np.ndarray:
    return np.isfinite(label) if label.dtype.kind == "f" else label >= 0


def _seen(values: np.ndarray) -> str:
    """Some of the values of a column, for an error."""
    different = sorted({str(value) for value in values if value != ""})
    return ", ".join(different[:20]) + (f" and {len(different) - 20} more" if len(different) > 20 else "")


def _values(values: np.ndarray, column: str, where: str) -> tuple[np.ndarray, np.ndarray]:
    if values.dtype == object:
        raise DataError(
            f"{where}: column {column!r} holds text, so name its classes: data.classes=[...], from {_seen(values)}"
        )
    return values.astype(np.float32), values


def _indices(
    values: np.ndarray, column: str, classes: list[str], unknown: Collection[str], where: str
) -> tuple[np.ndarray, np.ndarray]:
    if len(set(classes)) != len(classes):
        raise DataError(f"{where}: data.classes={classes} names a class twice; name each once")
    names = _names(values, classes)
    index = {name: position for position, name in enumerate(map(str, classes))}
    missing = {"", *unknown} - index.keys()
    strange = sorted({name for name in names if name not in index and name not in missing})
    if strange:
        raise DataError(
            f"{where}: column {column!r} has {', '.join(strange[:10])}, not among data.classes={list(classes)}; "
            f"values there are: {_seen(names)}"
        )
    label = np.array([index.get(name, -1) for name in names], dtype=np.int64)
    return label, np.array([name if name in index else "" for name in names], dtype=object)


def _names(values: np.ndarray, classes: list[str]) -> np.ndarray:
    """Values of a column -> names of classes; "" missing."""
    if values.dtype == object:
        return values
    numbers = [f"{value:.15g}" if np.isfinite(value) else "" for value in values]
    if not any(str(name).lstrip("+-").replace(".", "", 1).isdigit() for name in classes):
        by_index = {str(position): str(name) for position, name in enumerate(classes)}
        numbers = [by_index.get(number, number) for number in numbers]
    return np.array(numbers, dtype=object)
