"""The pictures of an explored catalogue: small, large, and of the synthetic sky as other surveys see it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from omegaconf import DictConfig

from selfsup.catalogue import Catalogue
from selfsup.data.decode import Unreadable
from selfsup.data.packed import PackedPictures, pack
from selfsup.data.pictures import Pictures
from selfsup.data.source import Galaxies, Source
from selfsup.explorer.developing import Darkroom
from selfsup.explorer.table import Table
from selfsup.tasks._catalogue import source_of
from selfsup.tasks._plain import plain
from selfsup.types import ConfigError


@dataclass(frozen=True)
class Shown:
    """Pictures by rows of the catalogue.

    Args:
        pictures: of its data set.
        place: (N,) of each galaxy among them, -1 where it has none.
    """

    pictures: Pictures
    place: np.ndarray

    def some(self, rows: Sequence[int]) -> list[np.ndarray | None]:
        """Of each row its pixels, or None."""
        places = np.unique(self.place[list(rows)])
        places = places[places >= 0].tolist()
        made = dict(zip(places, self.pictures.some(places), strict=True)) if places else {}
        return [_readable(made.get(int(self.place[row]))) for row in rows]


def _readable(found: np.ndarray | Unreadable | None) -> np.ndarray | None:
    return found if isinstance(found, np.ndarray) else None


class Listing:
    """A data set, listed once, by whichever thread asks first.

    Args:
        source: of the pictures.
        table: ids of the catalogue.
    """

    def __init__(self, source: Source, table: Table) -> None:
        self._source, self._table, self._lock = source, table, threading.Lock()
        self._listed: tuple[Galaxies, np.ndarray] | None = None

    def shown(self, source: Source, packed: bool) -> Shown:
        """The same galaxies, from the same data set with other settings."""
        with self._lock:
            if self._listed is None:
                self._listed = self._list()
            found, place = self._listed
        pictures = source.pictures(found)
        if packed:
            pictures = PackedPictures(pictures, pack(pictures, source.cache, source.max_unreadable_share))
        return Shown(pictures, place)

    def _list(self) -> tuple[Galaxies, np.ndarray]:
        found = self._source.read()
        place = np.full(len(self._table), -1, dtype=np.int64)
        rows = self._table.find(found.ids)
        known = np.flatnonzero(rows >= 0)
        place[rows[known]] = known
        return found, place


@dataclass(frozen=True)
class Rooms:
    """Where the pictures of a catalogue are made.

    Args:
        thumbs: small ones.
        images: large ones.
        views: survey -> large ones.
        made_of: what they depend on.
        made_up: whether the galaxies are of the synthetic sky, at whose places others are.
    """

    thumbs: Darkroom
    images: Darkroom
    views: Mapping[str, Darkroom]
    made_of: Mapping[str, Any]
    made_up: bool


def rooms_of(cfg: DictConfig, catalogue: Catalogue, table: Table, packed: bool) -> Rooms:
    """Rooms that list the files in the background; where there are no pictures, the rooms say why.

    Args:
        cfg: with the sizes and the surveys.
        catalogue: that says of which data set it was made.
        table: its ids.
        packed: whether the small pictures are packed first, or used as they were packed.
    """
    task, made = cfg.task, catalogue.provenance.get("data")
    quality, cache = task.jpeg_quality, task.cache_mb * 2**20
    settings = {name: task[name] for name in ("folder", "thumbnail_px", "image_px", "jpeg_quality")}
    made_of = {"data": made, "packed": packed, **settings, "surveys": plain(task.surveys)}
    try:
        source = source_of(cfg, catalogue)
    except ConfigError as error:
        rooms = [Darkroom(_refusing(error), task.thumbnail_px, quality, 0) for _ in range(2)]
        return Rooms(rooms[0], rooms[1], {}, made_of, made_up=False)
    small = min(task.thumbnail_px, source.size_px)
    listing = Listing(source, table)

    def room(edge_px: int, of: Source, as_packed: bool = False) -> Darkroom:
        return Darkroom(lambda: listing.shown(of, as_packed), edge_px, quality, cache)

    thumbs = room(small, source if packed else replace(source, size_px=small), packed)
    large = replace(source, size_px=task.image_px)
    surveys = {str(values["name"]): values for values in plain(task.surveys).values()}
    views = {name: room(task.image_px, seen) for name, seen in large.elsewhere(surveys).items()}
    return Rooms(thumbs, room(task.image_px, large), views, made_of, source.made_up)


def _refusing(error: ConfigError) -> Callable[[], Shown]:
    def refuse() -> Shown:
        raise error

    return refuse
