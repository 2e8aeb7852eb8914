"""Every galaxy of a survey described by trained networks, a shard at a time, with what its tables know beside it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from selfsup.catalogue import Catalogue
from selfsup.data.exhausted import memory_named
from selfsup.data.packing import Fault, check_share
from selfsup.data.pictures import Pictures
from selfsup.data.progress import Work, reported
from selfsup.data.source import Galaxies
from selfsup.inference.feed import Feed
from selfsup.inference.shards import Shards
from selfsup.types import Batch

log = logging.getLogger(__name__)
WORK = Work("describing", "described", "galaxies")


class Said(NamedTuple):
    """What networks say of n galaxies.

    Args:
        embedding: (n, D).
        columns: name -> (n,).
    """

    embedding: np.ndarray
    columns: Mapping[str, np.ndarray]


Describe = Callable[[Iterable[Batch]], Said]
"""Batches, to be gone through once -> what is said of their galaxies."""


@dataclass(frozen=True)
class Survey:
    """The galaxies and their pictures.

    Args:
        found: the galaxies, with the columns of their tables.
        pictures: of the same, in their order.
        batch_size: pictures that a network sees at once.
        max_unreadable_share: of the pictures, in [0, 1].
    """

    found: Galaxies
    pictures: Pictures
    batch_size: int
    max_unreadable_share: float

    def describe(self, shards: Shards, describe: Describe) -> dict[str, Any]:
        """Make the shards that nobody else makes, and finish -> the manifest.

        Raises:
            DataError: too many pictures are unreadable, or there is too little memory.
        """
        unreadable: list[Fault] = []
        with reported(shards.plan.count, WORK) as advance:
            done = shards.made()
            advance(done)
            for number in shards.claimed(first_shard(len(shards.plan), os.environ)):
                feed = Feed(self.pictures, shards.plan.rows_of(number), self.batch_size)
                with memory_named(f"lower task.batch_size ({self.batch_size} now) or task.rows_per_shard"):
                    made = self._catalogue(feed, describe(feed), shards.plan.provenance)
                shards.write(number, made, feed.unreadable)
                unreadable += feed.unreadable
                if unreadable:
                    check_share(unreadable, shards.plan.count, self.max_unreadable_share)
                now = shards.made()
                advance(now - done)
                done = now
        return shards.finish(self.max_unreadable_share)

    def _catalogue(self, feed: Feed, said: Said, provenance: Mapping[str, Any]) -> Catalogue:
        """What is said of a shard's readable galaxies, with the columns that are known of them."""
        known = {name: _of_one_type(values[feed.kept]) for name, values in self.found.columns.items()}
        ids = [self.found.ids[row] for row in feed.kept]
        measured = {} if "colour" in known else {"colour": feed.colour}
        return Catalogue.from_arrays(ids, said.embedding, {**known, **measured, **said.columns}, provenance)


def _of_one_type(values: np.ndarray) -> np.ndarray:
    """Text as text, also where none is left: every shard has the same types."""
    return values.astype(np.str_) if values.dtype == object else values


def first_shard(count: int, environment: Mapping[str, str]) -> int:
    """Where this worker begins: ranks of a job and tasks of an array are spread over the shards."""
    pairs = (
        ("SLURM_PROCID", "SLURM_NTASKS"),
        ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT"),
        ("RANK", "WORLD_SIZE"),
    )
    for rank, ranks in pairs:
        workers = int(environment.get(ranks, 1))
        if workers > 1 and rank in environment:
            return int(environment[rank]) % workers * count // workers
    return 0
