"""A data set without files: galaxies of the synthetic sky, rendered as a survey would publish them.

Every image, truth and vote is a function of the configuration, so the whole set is as good as on disk before the first
galaxy is drawn (`selfsup.sky`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np

from selfsup import trees
from selfsup.data import rendering
from selfsup.data.endless import Endless
from selfsup.data.parallel import in_order
from selfsup.data.pictures import Pictures
from selfsup.data.rendering import CHUNK, Sky, SkyPictures, position_of
from selfsup.data.sky_table import sky_table
from selfsup.data.source import Galaxies, Source
from selfsup.data.streaming import SkyStream
from selfsup.sky.maps import STRUCTURES
from selfsup.sky.survey import Survey
from selfsup.sky.view import View
from selfsup.types import ConfigError

_NO_FOLDER = "sky"
"""What `folder` says where there is none."""


@dataclass(kw_only=True)
class Synthetic(Source):
    """Galaxies of a sky, one after the other.

    Args:
        count: galaxies that are packed: probed, and learnt from unless they stream.
        first: number of the first galaxy.
        seed: of the sky; another one is another universe.
        mix: of the families: "natural", or "balanced" with more of the rare ones.
        survey: as in `conf/survey`.
        crop: edge of the frame as a share of Galaxy Zoo's.
        redshift: every galaxy is put at this one; null for its own.
        exposures: packed pictures of each galaxy, with other noise and seeing.
        stream: learn from galaxies beyond `count`, each seen once, in place of the packed ones.
        stream_count: of them, galaxies in an epoch; null for as many as there are packed ones to learn from.
    """

    count: int
    first: int
    seed: int
    mix: Literal["natural", "balanced"]
    survey: dict[str, Any]
    crop: float
    redshift: float | None
    exposures: int
    stream: bool
    stream_count: int | None

    structures: ClassVar[tuple[str, ...]] = STRUCTURES
    made_up: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn, before anything is."""
        if self.folder != _NO_FOLDER:
            raise ConfigError(
                f"data.folder={self.folder}: the synthetic sky has no files; write data=images data.folder=... to "
                f"learn from yours"
            )
        smallest = {"count": 1, "first": 0, "seed": 0, "exposures": 1, "stream_count": 1}
        for key, least in smallest.items():
            value = getattr(self, key)
            if value is not None and value < least:
                raise ConfigError(f"data.{key}={value}: write {least} or more")
        if self.tree is not None:
            trees.tree(self.tree)
        self.sky = self._sky()

    def read(self) -> Galaxies:
        """The truth and the votes of every galaxy; no image is drawn yet.

        Raises:
            DataError: the label is none of the columns, or cannot be learnt.
        """
        table = sky_table(self.sky, self.count * self.exposures, self.cache)
        questions = None if self.tree is None else trees.tree(self.tree)
        return self.finished(Galaxies(table.ids, [], table.columns, table.votes, questions))

    def pictures(self, found: Galaxies) -> Pictures:
        """The galaxies, to be rendered."""
        return SkyPictures(found.ids, self.sky, self.cache)

    def structure_maps(self, ids: Sequence[str]) -> np.ndarray:
        """Galaxy ids -> (n, 5, size, size) bool, in the order of `structures`."""
        parts = [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)]
        return np.concatenate(list(in_order(partial(_maps, self.sky, parts), len(parts))))

    def endless(self) -> Endless | None:
        """The galaxies from `count` on, with `stream`."""
        if not self.stream:
            return None
        once = replace(self.sky, exposures=1)
        return SkyStream(once, self.count, self.label, self.classes, self.stream_count)

    def elsewhere(self, surveys: Mapping[str, dict[str, Any]]) -> dict[str, Source]:
        """Name of a survey -> the same sky as it sees it, without the one that it is seen by."""
        own = str(self.survey["name"])
        return {name: replace(self, survey=values) for name, values in surveys.items() if name != own}

    def galaxy_of(self, picture: str) -> str:
        """The galaxy of an exposure."""
        return rendering.galaxy_of(picture)

    def _sky(self) -> Sky:
        view = View(Survey.from_config(self.survey), self.size_px, self.crop, self.redshift)
        return Sky(self.seed, self.first, self.mix, view, self.exposures, self.tree)


def _maps(sky: Sky, parts: Sequence[Sequence[str]], task: int) -> np.ndarray:
    return sky.maps([position_of(picture, sky) for picture in parts[task]])
