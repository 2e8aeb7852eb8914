"""Galaxies that nobody has seen before, drawn while they are learnt from: no epoch repeats, nothing touches the disk.

What the n-th galaxy of the stream is does not depend on who draws it or when: the loader's processes, another number of
them, and a resumed training all see the same.
"""

from __future__ import annotations

import numpy as np
import torch

from selfsup import trees
from selfsup.data.endless import Endless
from selfsup.data.labels import some_label
from selfsup.data.rendering import Sky
from selfsup.data.sky_table import columns_of
from selfsup.data.source import Galaxies, with_shares
from selfsup.types import Batch


class SkyStream(Endless):
    """The sky beyond the packed galaxies.

    Args:
        sky: its galaxies, one exposure of each.
        first: number of the first galaxy that is not packed.
        label: column of the truth or of the shares, or None.
        classes: names of the label's classes; None where it is a value.
        epoch_count: galaxies in an epoch, or None.
    """

    def __init__(
        self, sky: Sky, first: int, label: str | None, classes: list[str] | None, epoch_count: int | None
    ) -> None:
        super().__init__(epoch_count)
        self.sky, self.first, self.label, self.classes = sky, first, label, classes

    def __getitem__(self, positions: list[int]) -> Batch:
        """Images are uint8 (B, C, H, W) in channels-last order."""
        there = [self.first + position for position in positions]
        ids, known = self.sky.truth(there)
        batch = Batch(id=ids, image=torch.from_numpy(self.sky.images(there)).permute(0, 3, 1, 2))
        found = Galaxies(ids, [], columns_of(known))
        if self.sky.tree is not None:
            votes = self.sky.votes(there)
            found = with_shares(Galaxies(ids, [], found.columns, votes, trees.tree(self.sky.tree)))
            batch["votes"] = torch.from_numpy(votes)
        if self.label is not None:
            batch["label"] = torch.from_numpy(self._label(found.columns))
        return batch

    def _label(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        return some_label(columns, str(self.label), self.classes, (), "the stream of galaxies")[0]
