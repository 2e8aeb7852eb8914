"""Ringed galaxies in DECaLS, and featured face-on ones without spiral arms (Walmsley et al. 2022, arXiv:2102.08414)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from selfsup.data.source import Galaxies, Source, find_images
from selfsup.data.tables import read_table


@dataclass(kw_only=True)
class RingsDecals(Source):
    """The folder: `images/` and `labels.csv`, whose column `ring` is 0 or 1."""

    def read(self) -> Galaxies:
        """Find the images and the labels.

        Raises:
            DataError: no images, or a column is missing or malformed.
            ConfigError: a tree: there are no votes.
        """
        self.require_tree(None)
        found = find_images(Path(self.folder, "images"))
        table = read_table(Path(self.folder, "labels.csv"), "id_str")
        ids = list(found)
        return self.finished(Galaxies(ids, list(found.values()), table.taken(table.rows_of(ids))))
