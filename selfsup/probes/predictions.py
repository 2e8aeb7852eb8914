"""What is predicted of each galaxy that a probe was scored on: what tables and figures are made from afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Predictions:
    """Predictions of N galaxies.

    Args:
        ids: of the galaxies.
        columns: column of the data -> (N,) the number that is said of it; "<column>=<class>" -> (N,) the chance that is
            given to a class.
    """

    ids: list[str]
    columns: dict[str, np.ndarray]


def chances(column: str, classes: Sequence[str], table: np.ndarray) -> dict[str, np.ndarray]:
    """(N, K) chances of the classes of a column -> columns of predictions."""
    return {f"{column}={name}": table[:, k] for k, name in enumerate(classes)}
