"""Any folder of JPEG or PNG images, with or without a table of labels beside it."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selfsup import trees
from selfsup.data.source import Galaxies, Source, by_id, list_files, name_of
from selfsup.data.tables import Table, read_table, require_column, taken, vote_counts
from selfsup.types import ConfigError, DataError

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Images(Source):
    """Images in a folder and below; a galaxy's id is its file's name without suffix, or what the table says.

    Args:
        subfolders: those of the folder that are looked through, each with all below; null for everything in it.
        table: CSV, Parquet or FITS file with a row per galaxy, looked for in the folder, then in the working directory;
            null without.
        id_column: its column of ids; null for the first of id, id_str, image_id, GalaxyID, asset_id, objid.
        file_column: its column of paths within the folder; null where the id tells the file.
        file_pattern: path within the folder in which "{id}" stands for the id; null to match by the file's
            name, without its suffix or with it.
        vote_columns: its columns of vote counts, one per answer of the tree in its order; null for columns called like
            the answers, with or without `_votes` or `_count` behind.
    """

    subfolders: list[str] | None
    table: str | None
    id_column: str | None
    file_column: str | None
    file_pattern: str | None
    vote_columns: list[str] | None

    def read(self) -> Galaxies:
        """List the images and put the table's rows to them; images without a row are unlabelled galaxies.

        Raises:
            DataError: folder, files or table cannot be used; says which and what to do.
            ConfigError: keys that contradict each other.
        """
        self._validate()
        files = self._files()
        if self.table is None:
            found = by_id((name_of(file), file) for file in files)
            return self.finished(Galaxies(list(found), list(found.values()), {}))
        table = read_table(self._table_file(), self.id_column)
        rows = self._rows(files, table)
        names = (table.ids[row] if row >= 0 else name_of(file) for row, file in zip(rows, files, strict=True))
        ids = list(by_id(zip(names, files, strict=True)))
        if self.tree is None:
            return self.finished(Galaxies(ids, files, table.taken(rows)))
        questions = trees.tree(self.tree)
        votes = taken(self._counts(table, questions.answers), rows, 0.0)
        return self.finished(Galaxies(ids, files, table.taken(rows), votes, questions))

    def _validate(self) -> None:
        needing = {key: getattr(self, key) for key in ("tree", "label", "id_column", "file_column", "file_pattern")}
        orphans = [key for key, value in needing.items() if value is not None]
        if self.table is None and orphans:
            raise ConfigError(f"data.{orphans[0]}={needing[orphans[0]]} is about a table; set data.table=...")
        if self.file_column is not None and self.file_pattern is not None:
            raise ConfigError("data.file_column and data.file_pattern both say where the images are; set one to null")
        if self.file_pattern is not None and "{id}" not in self.file_pattern:
            raise ConfigError(f'data.file_pattern={self.file_pattern} has no "{{id}}", as in "{{id}}.jpg"')

    def _files(self) -> list[Path]:
        """All images, sorted by path."""
        if self.subfolders is None:
            return list_files(self.folder)
        root = Path(self.folder).expanduser().resolve()
        places = [_within(root, name) for name in self.subfolders]
        outside = [name for name, place in zip(self.subfolders, places, strict=True) if place is None]
        if outside or not places:
            raise ConfigError(f"data.subfolders={self.subfolders}: name folders within {root}")
        return sorted({file for place in places if place is not None for file in list_files(place)})

    def _table_file(self) -> Path:
        """The table's file; an absolute path is itself."""
        name = Path(self.table or "").expanduser()
        inside = Path(self.folder).expanduser() / name
        return name if name.is_file() and not inside.is_file() else inside

    def _rows(self, files: list[Path], table: Table) -> np.ndarray:
        """(n,) the table's row of each file, -1 for files without one.

        Raises:
            DataError: no row has a file, or a path that is not within the folder.
        """
        paths = self._paths(table)
        if paths is None:
            rows = _rows_named(files, table)
        else:
            owners = self._owners(paths, table)
            rows = np.array([owners.get(file, -1) for file in files], dtype=np.int64)
        lost = np.setdiff1d(np.arange(len(table.ids)), rows)
        if len(lost) == len(table.ids):
            example = f" (such as {table.ids[0]!r}, while an image is called {files[0].name!r})" if table.ids else ""
            raise DataError(
                f"{table.file}: none of its {len(table.ids)} rows has an image below {self.folder}{example}; "
                f"see data.id_column, data.file_column and data.file_pattern"
            )
        if len(lost):
            shown = ", ".join(repr(table.ids[row]) for row in lost[:3])
            _log.info("%s: %d of %d rows have no image: %s", table.file, len(lost), len(table.ids), shown)
        return rows

    def _paths(self, table: Table) -> Sequence[str] | None:
        """What the table says of each row's file, within the folder; None where names are to be matched."""
        if self.file_column is not None:
            require_column(self.file_column, table.columns, str(table.file))
            return [str(value) for value in table.columns[self.file_column]]
        if self.file_pattern is not None:
            return [self.file_pattern.replace("{id}", galaxy) for galaxy in table.ids]
        return None

    def _owners(self, paths: Sequence[str], table: Table) -> dict[Path, int]:
        """File -> row. A path is compared with the files found, never opened, so that none leads elsewhere."""
        root = Path(self.folder).expanduser().resolve()
        owners: dict[Path, int] = {}
        for row, name in enumerate(paths):
            file = _within(root, name)
            if file is None:
                raise DataError(f"{table.file}: row {row + 1}: {name!r} is not within {root}; write paths within it")
            if name and owners.setdefault(file, row) != row:
                both = f"rows {owners[file] + 1} and {row + 1}"
                raise DataError(f"{table.file}: {both} have the same image {name!r}; keep one")
        return owners

    def _counts(self, table: Table, answers: tuple[str, ...]) -> np.ndarray:
        """(rows, A) float32 counts; a missing one is zero."""
        names = self.vote_columns or [_spelling(answer, table) for answer in answers]
        if len(names) != len(answers):
            raise ConfigError(
                f"data.vote_columns names {len(names)} columns and the tree {self.tree!r} has {len(answers)} answers: "
                f"{', '.join(answers)}"
            )
        return vote_counts(table, names)


def _rows_named(files: Sequence[Path], table: Table) -> np.ndarray:
    """(n,) rows whose ids are the files' names: without the suffix or, where no row's is, with it."""
    rows = table.rows_of([name_of(file) for file in files])
    return rows if (rows >= 0).any() else table.rows_of([file.name for file in files])


def _within(root: Path, name: str) -> Path | None:
    """The path that a table gives, or None where it leads out of the folder."""
    if "\0" in name:
        return None
    file = Path(os.path.realpath(name) if Path(name).is_absolute() else os.path.normpath(root / name))
    return file if file.is_relative_to(root) else None


def _spelling(answer: str, table: Table) -> str:
    """How the table calls the column of an answer; the answer itself where it has none."""
    spellings = (answer, f"{answer}_votes", f"{answer}_count")
    return next((name for name in spellings if name in table.columns), answer)
