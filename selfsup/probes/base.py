"""The contract of a probe: two catalogues of frozen embeddings and labels in, scores out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np

from selfsup.catalogue import Catalogue


@dataclass(frozen=True)
class Scores:
    """What a probe found.

    Args:
        metrics: name -> value, all that is needed to compare two encoders.
        confusion: (K, K) counts, rows true, columns predicted, or None.
        classes: names of the K rows.
        curve: name -> list of values of equal length, for a figure (few-shot: "n", "mean", "std"), or empty.
    """

    metrics: dict[str, float]
    confusion: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    curve: dict[str, list[float]] = field(default_factory=dict)


class Probe(ABC):
    """Fits on `train` alone and scores on `test`; anything it chooses, it chooses inside `train`."""

    @abstractmethod
    def __call__(self, train: Catalogue, test: Catalogue) -> Scores:
        """Score the embeddings.

        Raises:
            DataError: a column that the probe needs is missing or has a single class; names the columns there are.
        """
