"""EFIGI as a yes-or-no question: is this attribute there? Rings, bars, perturbation (Baillard et al. 2011, section 3).

Strengths go in quarters from 0 (absent) to 1. What is between "absent" and "present" is left out, as the catalogue's
confidence intervals are about a quarter wide: it is not known on which side such a galaxy lies.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from selfsup.data.efigi import Efigi
from selfsup.data.source import Galaxies
from selfsup.data.tables import require_column
from selfsup.types import ConfigError

COLUMN = "attribute"


@dataclass(kw_only=True)
class EfigiAttribute(Efigi):
    """The folder of EFIGI, and the column `attribute`: 0 absent, 1 present, NaN not known.

    Args:
        attributes: columns; the strongest decides.
        present_from: strength from which it is present.
        absent_to: strength up to which it is absent; for "absent", all attributes must have been rated.
    """

    attributes: list[str]
    present_from: float
    absent_to: float

    def finished(self, galaxies: Galaxies, unknown: Collection[str] = ()) -> Galaxies:
        """Adds the answers before the label is chosen.

        Raises:
            ConfigError: no attribute is named, or present and absent overlap.
            DataError: no such attribute, or as for any data set.
        """
        if not self.attributes or self.absent_to >= self.present_from:
            raise ConfigError(
                f"data.attributes={self.attributes}, data.absent_to={self.absent_to}, data.present_from="
                f"{self.present_from}: name an attribute at least, and let absent_to be less than present_from"
            )
        for name in self.attributes:
            require_column(name, galaxies.columns, f"{self.folder}/attributes.csv")
        strengths = np.stack([galaxies.columns[name] for name in self.attributes], axis=1)
        columns = {**galaxies.columns, COLUMN: self._answers(strengths)}
        return super().finished(replace(galaxies, columns=columns), unknown)

    def _answers(self, strengths: np.ndarray) -> np.ndarray:
        """(N, attributes) strengths, NaN not rated -> (N,) 0, 1 or NaN."""
        present = (strengths >= self.present_from).any(axis=1)
        absent = (strengths <= self.absent_to).all(axis=1)
        answers: np.ndarray = np.where(present, 1.0, np.where(absent, 0.0, np.nan))
        return answers
