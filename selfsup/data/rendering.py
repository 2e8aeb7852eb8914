"""A stretch of the synthetic sky as a data set sees it: position in the set -> picture, truth, votes.

Everything at a position is a function of what `Sky` holds, so any process can draw any part of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfsup import trees
from selfsup.data.decode import Unreadable
from selfsup.data.parallel import in_order
from selfsup.data.pictures import Pictures
from selfsup.data.progress import Work
from selfsup.durable import replacing
from selfsup.sky import population, streams, truth, volunteers
from selfsup.sky.galaxy import Galaxy, index_of
from selfsup.sky.maps import structure_maps
from selfsup.sky.observe import observe
from selfsup.sky.view import View

CHUNK = 16
"""Galaxies that a process draws before it hands them over: few enough to share the work out evenly."""

BLOCK_BYTES = 64_000_000
"""Of pictures, after which what is drawn is kept: about half a minute of work on two processors."""

_EXPOSURE = "-e"
"""Between a galaxy's name and the number of its exposure; the first has none."""


@dataclass(frozen=True)
class Sky:
    """Galaxies of one seed, each seen one or more times.

    Args:
        seed: of the sky.
        first: number of the galaxy at position 0.
        mix: of the families.
        view: how they are looked at.
        exposures: pictures of each galaxy, one after the other.
        tree: name of the question tree of the votes, or None.
    """

    seed: int
    first: int
    mix: str
    view: View
    exposures: int
    tree: str | None

    def seen(self, position: int) -> tuple[Galaxy, View]:
        """The galaxy at this position, and how it is looked at there."""
        index, epoch = divmod(position, self.exposures)
        return population.draw(self.seed, self.first + index, self.mix), dataclasses.replace(self.view, epoch=epoch)

    def images(self, positions: Sequence[int]) -> np.ndarray:
        """(n,) positions -> (n, size, size, 3) uint8."""
        made = [observe([galaxy], view) for galaxy, view in map(self.seen, positions)]
        return np.concatenate(made)

    def maps(self, positions: Sequence[int]) -> np.ndarray:
        """(n,) positions -> (n, K, size, size) bool, where each of `sky.maps.STRUCTURES` is."""
        return np.concatenate([structure_maps([galaxy], view) for galaxy, view in map(self.seen, positions)])

    def truth(self, positions: Sequence[int]) -> tuple[list[str], list[dict[str, float | str]]]:
        """(n,) positions -> ids, and what is known of each galaxy (`selfsup.sky.truth`)."""
        seen = [self.seen(position) for position in positions]
        ids = [picture_id(galaxy, view.epoch) for galaxy, view in seen]
        return ids, [truth.parameters(galaxy, view) for galaxy, view in seen]

    def votes(self, positions: Sequence[int]) -> np.ndarray:
        """(n,) positions -> (n, A) float32 counts; A is 0 without a tree."""
        if self.tree is None:
            return np.zeros((len(positions), 0), dtype=np.float32)
        questions = trees.tree(self.tree)
        return np.stack([volunteers.vote(*self.seen(position), questions) for position in positions])

    def describe(self) -> dict[str, Any]:
        """All that a picture, a truth or a vote depends on, as plain values."""
        sky: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return {"generator": streams.GENERATOR, "numpy": np.__version__, "torch": str(torch.__version__), **sky}


def picture_id(galaxy: Galaxy, epoch: int) -> str:
    """Name of one exposure of a galaxy."""
    return galaxy.name + (f"{_EXPOSURE}{epoch}" if epoch else "")


def position_of(picture: str, sky: Sky) -> int:
    """Name of an exposure -> its position in this sky."""
    name, _, epoch = picture.partition(_EXPOSURE)
    return (index_of(name) - sky.first) * sky.exposures + int(epoch or 0)


def galaxy_of(picture: str) -> str:
    """Name of an exposure -> name of its galaxy."""
    return picture.split(_EXPOSURE, maxsplit=1)[0]


def chunks(count: int) -> list[range]:
    """Positions 0 to count - 1, a few at a time."""
    return [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]


class SkyPictures(Pictures):
    """Galaxies drawn by one process per processor; of a large set, what is drawn outlives an interruption.

    Args:
        ids: of the pictures, in the order of their positions.
        sky: that they are of.
        cache: folder in which finished blocks wait until all are packed.
    """

    work = Work("rendering", "rendered", "images")

    def __init__(self, ids: Sequence[str], sky: Sky, cache: str) -> None:
        super().__init__(ids, sky.view.size_px)
        self.sky = sky
        digest = hashlib.sha256("".join(self.fingerprint()).encode()).hexdigest()[:20]
        self.blocks = Path(cache).expanduser().resolve() / f".blocks-{digest}"

    def fingerprint(self) -> Iterator[str]:
        """Changes with anything that the pictures depend on; the questions put to volunteers are not among it."""
        sky = dataclasses.replace(self.sky, tree=None)
        yield json.dumps({"count": len(self), **sky.describe()}, sort_keys=True)

    def drawn(self) -> Generator[np.ndarray | Unreadable, None, None]:
        """Each picture; blocks that an earlier attempt finished are read."""
        parts = chunks(len(self))
        block = max(1, BLOCK_BYTES // (CHUNK * self.size_px**2 * 3))
        for start in range(0, len(parts), block):
            yield from self._block(parts[start : start + block], kept=len(parts) > block)

    def some(self, rows: Sequence[int]) -> Generator[np.ndarray | Unreadable, None, None]:
        """These galaxies, a few by each process at a time."""
        parts = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
        for images in in_order(partial(_draw, self.sky, parts), len(parts)):
            yield from images

    def packed(self) -> None:
        """Forget the blocks."""
        shutil.rmtree(self.blocks, ignore_errors=True)

    def origin(self, row: int) -> str:
        """Its own id: there is no file."""
        return self.ids[row]

    def _block(self, parts: Sequence[range], kept: bool) -> Iterator[np.ndarray]:
        """The pictures of some chunks, read, or drawn and, to be `kept`, written once all of them are there."""
        file = self.blocks / f"{parts[0].start}.npy"
        if kept and file.is_file():
            yield from np.load(file, allow_pickle=False)
            return
        drawn = []
        for images in in_order(partial(_draw, self.sky, parts), len(parts)):
            yield from images
            drawn.append(images)
        if kept:
            self.blocks.mkdir(parents=True, exist_ok=True)
            with replacing(file) as stream:
                np.save(stream, np.concatenate(drawn), allow_pickle=False)


def _draw(sky: Sky, parts: Sequence[Sequence[int]], task: int) -> np.ndarray:
    return sky.images(parts[task])
