"""The published catalogues of the Galaxy Zoo projects beside their images: whole votes, found by the galaxy's id.

GZ2 (Willett et al. 2013, arXiv:1308.3496; Hart et al. 2016, arXiv:1607.01019), GZ DECaLS (Walmsley et al. 2022,
arXiv:2102.08414), GZ DESI (Walmsley et al. 2023, arXiv:2309.11425), GZ Hubble (Willett et al. 2017, arXiv:1610.03068),
GZ CANDELS (Simmons et al. 2017, arXiv:1610.03070). The README beside this file says where each is.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from selfsup import trees
from selfsup.data.campaigns import published_votes, without_votes
from selfsup.data.columns import joined
from selfsup.data.source import Galaxies, Source, find_images
from selfsup.data.tables import Table, read_table, require_column, taken
from selfsup.types import ConfigError, DataError
from selfsup.votes import QuestionTree

_NOT_A_GALAXY = "artifact"
_IMAGE_SUFFIX = re.compile(r"\.(jpe?g|png)$", re.IGNORECASE)


@dataclass(kw_only=True)
class GalaxyZoo(Source):
    """A folder of images, in any folders below, and catalogues as published; an image's name is its galaxy's id.

    Args:
        catalogues: CSV or Parquet files in the folder, each with other galaxies.
        id_column: of all of them; where it holds names of files, their suffix does not count.
        names: CSV file in the folder, whose `objid` is a catalogue's id and `asset_id` the image's name; null where
            the images are called by their ids.
    """

    catalogues: list[str]
    id_column: str
    names: str | None

    def read(self) -> Galaxies:
        """Find the images and the votes; adds a column for the leading answer to each question put to everyone.

        Images without a row are unlabelled galaxies; a row without an image is left out.

        Raises:
            DataError: no images, a catalogue is missing or malformed, or none of its galaxies has an image.
            ConfigError: no tree, or one that there is not.
        """
        if self.tree is None or not self.catalogues:
            raise ConfigError(
                "data.tree and data.catalogues: name the question tree, such as gz2, and the files of votes"
            )
        questions = trees.tree(self.tree)
        found, table = find_images(self.folder), self._catalogue()
        rows = _rows(found, table, self._names())
        votes = taken(published_votes(table, questions), rows, 0.0)
        columns = replace(table, columns=without_votes(table, questions)).taken(rows)
        columns[self.id_column] = taken(np.array(table.ids, dtype=object), rows, "")
        columns |= leading_answers(questions, votes)
        galaxies = Galaxies(list(found), list(found.values()), columns, votes, questions)
        return self.finished(galaxies, unknown=[_NOT_A_GALAXY])

    def _catalogue(self) -> Table:
        """All catalogues as one."""
        read = [read_table(self._file(name), self.id_column) for name in self.catalogues]
        ids = [_IMAGE_SUFFIX.sub("", galaxy) for table in read for galaxy in table.ids]
        twice = [galaxy for galaxy, count in Counter(ids).most_common(1) if count > 1]
        if twice:
            raise DataError(f"{self.folder}: galaxy {twice[0]!r} is in two of {self.catalogues}; remove one row")
        return Table(read[0].file, ids, joined([(len(table.ids), table.columns) for table in read]))

    def _file(self, name: str) -> Path:
        return Path(self.folder).expanduser() / name

    def _names(self) -> dict[str, str] | None:
        """Name of an image -> id in the catalogues."""
        if self.names is None:
            return None
        table = read_table(self._file(self.names), "asset_id")
        require_column("objid", table.columns, str(table.file))
        objects = table.columns["objid"]
        ids = [f"{value:.0f}" if objects.dtype != object else str(value) for value in objects]
        return dict(zip(table.ids, ids, strict=True))


def leading_answers(questions: QuestionTree, votes: np.ndarray) -> dict[str, np.ndarray]:
    """(N, A) votes -> question put to everyone -> (N,) object str, its answer with most votes, "" without any."""
    roots = [question for question in questions.questions if not question.parents]
    leading = {}
    for question in roots:
        counts = votes[:, questions.slices[question.name]]
        best = np.array(question.answers, dtype=object)[counts.argmax(axis=1)]
        leading[question.name] = np.where(counts.sum(axis=1) > 0, best, "")
    return leading


def _rows(found: dict[str, Path], table: Table, names: dict[str, str] | None) -> np.ndarray:
    """(n,) the catalogue's row of each image, -1 without."""
    ids = [galaxy if names is None else names.get(galaxy, "") for galaxy in found]
    rows = table.rows_of(ids)
    if (rows < 0).all():
        example = f", while its ids are such as {table.ids[0]!r}" if table.ids else ""
        raise DataError(
            f"{table.file}: none of {len(found)} images is of a galaxy in it: an image is called {next(iter(found))!r}"
            f"{example}; see data.id_column and data.names"
        )
    return rows
