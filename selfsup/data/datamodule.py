"""A data set as the trainer and the probes see it: packed once, cut into parts by the galaxy's id, batched in order.

What is learnt from is the packed set or, where the source has one, an endless stream of galaxies beyond it. The order
is a function of (seed, epoch) alone, and the loader can start in the middle of an epoch (`order`).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

import lightning as L
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from selfsup.data.attended import Attended
from selfsup.data.colour import measure_colour
from selfsup.data.endless import Endless
from selfsup.data.order import BatchOrder, EpochOrder, StreamOrder
from selfsup.data.packed import Packed, pack
from selfsup.data.source import Galaxies, Source
from selfsup.types import Batch, DataError

PARTS = {"train": range(7), "val": range(7, 8), "test": range(8, 10)}
"""Part -> remainders of crc32(id) modulo 10, the same for every data set and every run."""


def part_of(galaxy: str) -> str:
    """The part of the data that a galaxy belongs to, from its id alone."""
    remainder = zlib.crc32(galaxy.encode()) % 10
    return next(name for name, remainders in PARTS.items() if remainder in remainders)


class PackedBatches(Dataset[Batch]):
    """Rows of the packed store -> Batch; a list of rows at a time."""

    def __init__(self, packed: Packed, votes: np.ndarray | None, label: np.ndarray | None) -> None:
        self.packed, self.votes, self.label = packed, votes, label

    def names(self, rows: list[int]) -> list[str]:
        """Ids of these rows."""
        return [self.packed.ids[row] for row in rows]

    def __getitem__(self, rows: list[int]) -> Batch:
        """The batch of these rows; images are uint8 (B, C, H, W) in channels-last order."""
        index = np.asarray(rows)
        image = torch.from_numpy(np.ascontiguousarray(self.packed.images[index])).permute(0, 3, 1, 2)
        batch = Batch(id=self.names(rows), image=image)
        if self.votes is not None:
            batch["votes"] = torch.from_numpy(self.votes[index])
        if self.label is not None:
            batch["label"] = torch.from_numpy(self.label[index])
        return batch


class GalaxyData(L.LightningDataModule):
    """A source, packed and cut into parts.

    Args:
        source: reads the files and labels.
        batch_size: galaxies per batch and device.
        workers: loader processes.
        seed: of the order.
        splits: parts that the training draws from.
    """

    def __init__(self, source: Source, batch_size: int, workers: int, seed: int, splits: Sequence[str]) -> None:
        super().__init__()
        self.source, self.batch_size, self.workers = source, batch_size, workers
        self.seed, self.splits = seed, tuple(splits)
        self._resume_at = (0, 0)
        self._targets: tuple[str, ...] = ()

    @cached_property
    def found(self) -> Galaxies:
        """What the source read, before any image was opened."""
        return self.source.read()

    @cached_property
    def packed(self) -> Packed:
        """The readable images."""
        source = self.source
        return pack(source.pictures(self.found), source.cache, source.max_unreadable_share)

    @cached_property
    def _found_rows(self) -> np.ndarray:
        """Row of the packed store -> row of what was found (unreadable images have no packed row)."""
        place = {galaxy: row for row, galaxy in enumerate(self.found.ids)}
        return np.array([place[galaxy] for galaxy in self.packed.ids], dtype=np.int64)

    @cached_property
    def votes(self) -> np.ndarray | None:
        """(N, A) float32 counts of the packed galaxies."""
        return None if self.found.votes is None else self.found.votes[self._found_rows]

    @cached_property
    def label(self) -> np.ndarray | None:
        """(N,) label of the packed galaxies."""
        return None if self.found.label is None else self.found.label[self._found_rows]

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        """Columns of the packed galaxies."""
        return {name: values[self._found_rows] for name, values in self.found.columns.items()}

    def catalogue_columns(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What a catalogue of these rows says beside the embedding: the columns, and the `colour` of each picture.

        A column of that name that the data set has itself is better than what a picture tells, and stays.
        """
        known = {name: values[rows] for name, values in self.columns.items()}
        return known if "colour" in known else {**known, "colour": measure_colour(self.packed.images, rows)}

    def rows(self, *parts: str) -> np.ndarray:
        """Rows of the packed store in these parts; all of them without a part.

        Raises:
            DataError: there are none.
        """
        wanted = parts or tuple(PARTS)
        rows = np.flatnonzero([part_of(self.source.galaxy_of(picture)) in wanted for picture in self.packed.ids])
        if not len(rows):
            raise DataError(f"{self.source.folder}: none of the {len(self.packed.ids)} images is in {'+'.join(wanted)}")
        return rows

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches to learn from, from where the training stands: of the stream, or shuffled ones of `splits`.

        Raises:
            DataError: fewer galaxies than one batch.
        """
        stream, trainer = self.source.endless(), self.trainer
        rank, ranks = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        order = self._order(stream, rank, ranks)
        if not len(order):
            each = order.count // ranks
            raise DataError(
                f"{self.source.folder}: {order.count} galaxies to learn from in {'+'.join(self.splits)}, fewer than "
                f"one batch of {self.batch_size * ranks}"
                + (f"; write trainer.batch_size={each} or less" if each > 1 else ": too few to learn from")
            )
        epoch, done = self._resume_at
        order.resume_at = (epoch, done) if done < len(order) else (epoch + 1, 0)
        # Lightning asks before it has restored its own epoch, and loader processes draw as soon as they are started.
        order.set_epoch(max(order.resume_at[0], trainer.current_epoch if trainer else 0))
        return self._loader(order, stream)

    def catalogue_loader(self, rows: np.ndarray, batch_size: int = 256) -> DataLoader[Batch]:
        """These rows once, in order."""
        chunks = [rows[start : start + batch_size].tolist() for start in range(0, len(rows), batch_size)]
        return self._loader(chunks)

    def state_dict(self) -> dict[str, Any]:
        """How far the epoch is, for the checkpoint."""
        trainer = self.trainer
        done = trainer.fit_loop.epoch_loop.batch_progress.current.ready if trainer else 0
        return {"epoch": trainer.current_epoch if trainer else 0, "batches": done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Start the next loader where the checkpoint was."""
        self._resume_at = (state_dict["epoch"], state_dict["batches"])

    def narrow_to(self, targets: Sequence[str], optional: Sequence[str] = ()) -> None:
        """Draw only galaxies that have these targets: the others teach it nothing.

        Args:
            targets: what every galaxy is to have.
            optional: what at least some galaxies of the data set have; the others are drawn too.

        Raises:
            DataError: the data set has no such target.
        """
        for target in (*targets, *optional):
            if getattr(self, target) is None:
                remedy = "data.tree=... and vote columns" if target == "votes" else "data.label=COLUMN"
                raise DataError(f"{self.source.folder}: no {target}, which the objective learns from; name {remedy}")
        self._targets = tuple(targets)

    def _order(self, stream: Endless | None, rank: int, ranks: int) -> BatchOrder:
        if stream is not None and stream.epoch_count is not None:
            return StreamOrder(stream.epoch_count, self.batch_size, rank, ranks)
        rows = self._trainable(self.rows(*self.splits))
        if stream is not None:
            return StreamOrder(len(rows), self.batch_size, rank, ranks)
        return EpochOrder(rows, self.batch_size, self.seed, rank, ranks)

    def _trainable(self, rows: np.ndarray) -> np.ndarray:
        known = np.ones(len(rows), dtype=bool)
        if "votes" in self._targets and self.votes is not None:
            known &= self.votes[rows].sum(1) > 0
        if "label" in self._targets and self.label is not None:
            label = self.label[rows]
            known &= np.isfinite(label) if label.dtype.kind == "f" else label >= 0
        return rows[known]

    def _loader(self, order: Any, stream: Endless | None = None) -> DataLoader[Batch]:
        dataset = cast("Dataset[Batch]", stream or PackedBatches(self.packed, self.votes, self.label))
        cuda = torch.cuda.is_available()
        return Attended(dataset, self.workers, sampler=order, batch_size=None, pin_memory=cuda)
