"""The contract of a probe: what a frozen encoder says of train and test in, scores out.

A probe asks for one of three things, and says by its class which: one embedding per galaxy with labels (a catalogue);
one feature per cell of the image with maps of what is where; or the pictures, and an embedding of whatever it makes of
them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from selfsup.catalogue import Catalogue
from selfsup.probes.predictions import Predictions

Embedding = Callable[[Tensor], np.ndarray]
"""Pictures (N, C, H, W) float32 in [0, 1] -> (N, D)."""


@dataclass(frozen=True)
class Overlay:
    """One galaxy and what was found on it.

    Args:
        image: (H, W, 3) uint8.
        predicted: (K, H, W) bool.
        truth: (K, H, W) bool, or None where nobody knows.
    """

    image: np.ndarray
    predicted: np.ndarray
    truth: np.ndarray | None


@dataclass(frozen=True)
class Scores:
    """What a probe found.

    Args:
        metrics: name -> value, all that is needed to compare two encoders.
        confusion: (K, K) counts, rows true, columns predicted, or None.
        classes: names of the K rows.
        curve: name -> list of values of equal length, for a figure (few-shot: "n", "mean", "std"), or empty.
        overlays: galaxies on which to see what was found where; `classes` names their maps.
        galaxies: galaxies of test, with what was found of each as columns, or None.
        predictions: what was predicted of each galaxy that was scored, or None.
    """

    metrics: dict[str, float]
    confusion: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    curve: dict[str, list[float]] = field(default_factory=dict)
    overlays: tuple[Overlay, ...] = ()
    galaxies: Catalogue | None = None
    predictions: Predictions | None = None


@dataclass(frozen=True)
class FeatureMaps:
    """What a frozen encoder says of each cell of some images.

    Args:
        ids: N galaxy ids.
        features: (N, h, w, D) float16 or float32.
        images: (N, H, W, 3) uint8.
    """

    ids: list[str]
    features: np.ndarray
    images: np.ndarray


@dataclass(frozen=True)
class Maps(FeatureMaps):
    """The same with what is where.

    Args:
        truth: (N, K, H, W) bool.
        names: of the K maps.
    """

    truth: np.ndarray
    names: tuple[str, ...]


class Probe:
    """Fits on train alone and scores on test; anything it chooses, it chooses inside train.

    It is a `CatalogueProbe`, a `MapProbe` or a `PictureProbe`.
    """


class CatalogueProbe(Probe, ABC):
    """A probe of one embedding per galaxy."""

    @abstractmethod
    def __call__(self, train: Catalogue, test: Catalogue) -> Scores:
        """Score the embeddings.

        Raises:
            DataError: a column that the probe needs is missing or has a single class; names the columns there are.
        """


class MapProbe(Probe, ABC):
    """A probe of one feature per cell of the image. Whoever runs it computes what these ask for."""

    train_count: int
    """Galaxies to fit on, at most: maps of features are large."""
    test_count: int
    """Galaxies to score on, at most."""
    cells: int
    """h = w, cells along an edge of the image."""
    examples: str | None
    """Folder of images without truth to look at, or None."""

    @abstractmethod
    def __call__(self, train: Maps, test: Maps, examples: FeatureMaps | None = None) -> Scores:
        """Score the features; of the examples there are overlays alone.

        Raises:
            DataError: nothing is on any map of train or test.
        """


class PictureProbe(Probe, ABC):
    """A probe of what becomes of the embedding when the picture is changed. It fits nothing, and needs no label."""

    test_count: int
    """Galaxies to score on, at most."""

    @abstractmethod
    def __call__(self, images: np.ndarray, embedding: Embedding) -> Scores:
        """Score the embedding.

        Args:
            images: (N, H, W, C) uint8 of test galaxies.
            embedding: what the frozen encoder says of any pictures of this size.

        Raises:
            DataError: there are too few galaxies.
        """
