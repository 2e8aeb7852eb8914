"""Scores of many small fits, kept in a file as they are found, so that an interrupted curve goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from selfsup.durable import replacing
from selfsup.types import DataError

NAME = "curves.json"
Point = Mapping[str, float]
"""Of one fit: `labels` of each class, `draw`, and scores."""


class Curves:
    """What a folder's file knows: name -> protocol -> fits.

        {NAME: {"protocol": TEXT, "points": [{"labels": 8, "draw": 0, "auc": 0.71, ...}, ...]}}

    Args:
        folder: of the file.

    Raises:
        DataError: it is no such file.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / NAME
        self._known: dict[str, dict[str, Any]] = {}
        if self.file.is_file():
            try:
                self._known = {name: dict(curve) for name, curve in json.loads(self.file.read_text("utf-8")).items()}
            except (ValueError, TypeError, AttributeError) as error:
                raise DataError(f"{self.file}: no curves ({error}); remove it, and fit again") from error

    def points(self, name: str, protocol: str) -> list[Point]:
        """Fits that were made under this protocol; those under another one are forgotten."""
        if self._known.get(name, {}).get("protocol") != protocol:
            self._known[name] = {"protocol": protocol, "points": []}
        return list(self._known[name]["points"])

    def add(self, name: str, point: Point) -> None:
        """Keep one more fit of a curve that `points` has been asked for, on the disk too."""
        self._known[name]["points"].append(dict(point))
        with replacing(self.file) as file:
            file.write(f"{json.dumps(self._known, indent=1)}\n".encode())


def scores_by_labels(
    points: Sequence[Point], metric: str, n_per_class: Collection[int], draws: int
) -> dict[int, list[float]]:
    """Number of labels, of those asked for -> scores of the first draws, in their order."""
    asked = [point for point in points if point["labels"] in n_per_class and point["draw"] < draws]
    found: dict[int, list[float]] = {}
    for point in sorted(asked, key=lambda point: (point["labels"], point["draw"])):
        found.setdefault(int(point["labels"]), []).append(point[metric])
    return found
