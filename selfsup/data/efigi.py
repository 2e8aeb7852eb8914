"""EFIGI: nearby bright galaxies with an expert's T-type and 16 attributes (Baillard et al. 2011, arXiv:1103.5734).

Each attribute is a strength from 0 to 1 with its confidence bounds; -1 says that it could not be rated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfsup.data.source import Galaxies, Source

_T_TYPE = ("T", "T_inf", "T_sup")
"""The T-type and its bounds: the only columns in which -1 is a value (a lenticular galaxy)."""


@dataclass(kw_only=True)
class Efigi(Source):
    """The folder: `images/` and `attributes.csv`."""

    def read(self) -> Galaxies:
        """Find the images and the attributes, NaN where not rated.

        Raises:
            DataError: no images, or a column is missing or malformed.
            ConfigError: a tree: there are no votes.
        """
        self.require_tree(None)
        found, table, rows = self.beside_images("attributes.csv", "PGC_name")
        columns = table.taken(rows)
        rated = {name: values if name in _T_TYPE else _rated(values) for name, values in columns.items()}
        return self.finished(Galaxies(list(found), list(found.values()), rated))


def _rated(values: np.ndarray) -> np.ndarray:
    """-1 -> NaN; text as it is."""
    return values if values.dtype == object else np.where(values == -1, np.nan, values)
