"""Ringed galaxies in DECaLS, and featured face-on ones without spiral arms (Walmsley et al. 2022, arXiv:2102.08414)."""

from __future__ import annotations

from dataclasses import dataclass

from selfsup.data.source import Galaxies, Source


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
        found, table, rows = self.beside_images("labels.csv", "id_str")
        return self.finished(Galaxies(list(found), list(found.values()), table.taken(rows)))
