"""Maps of a catalogue as a page draws them: two numbers a galaxy, in the square from -1 to 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selfsup.durable import synced
from selfsup.types import DataError


@dataclass(frozen=True)
class Layout:
    """A map that can be made.

    Args:
        name: of its file: lower-case letters.
        title: for people.
        places: -> (N, 2), called where it has not been made before.
    """

    name: str
    title: str
    places: Callable[[], np.ndarray]


def draw_maps(layouts: Sequence[Layout], folder: Path) -> list[dict[str, str]]:
    """Write `maps/NAME.bin` of each -> what a page is told of them."""
    (folder / "maps").mkdir()
    told = []
    for layout in layouts:
        file = f"maps/{layout.name}.bin"
        with synced(folder / file) as stream:
            stream.write(in_square(layout.places(), layout.title).data)
        told.append({"name": layout.name, "title": layout.title, "file": file})
    return told


def in_square(places: np.ndarray, title: str) -> np.ndarray:
    """(N, 2) -> (N, 2) float32 in [-1, 1], the same shape in the middle of the square.

    Raises:
        DataError: a place is not finite.
    """
    if lacking := int((~np.isfinite(places)).any(axis=1).sum()):
        raise DataError(f"{lacking} galaxies have no place on the map '{title}'; make it anew by task=map")
    low, high = places.min(axis=0).astype(np.float64), places.max(axis=0).astype(np.float64)
    half = float((high - low).max()) / 2
    centred = places - (low + high) / 2
    return np.ascontiguousarray((centred / half if half > 0 else centred).clip(-1, 1), dtype="<f4")
