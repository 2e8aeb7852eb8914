"""Images in the rows of Parquet files, fetched a block at a time; a finished block outlives an interruption."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from selfsup.data.decode import Unreadable, decode_image
from selfsup.data.pictures import Pictures, attempt, warnings_refuse, within
from selfsup.data.progress import Work
from selfsup.durable import replacing
from selfsup.processors import processors
from selfsup.types import DataError

BLOCK_ROWS = 2048
"""Rows that are kept together: of pictures that took about a minute to fetch."""
_MAX_GROUP_BYTES = 2**31
"""Of a row group, unpacked: they are read whole."""


@dataclass(frozen=True)
class Shard:
    """One Parquet file of a data set.

    Args:
        system: the file system it lies in.
        path: in that system.
        identity: a text that changes when its content does.
        groups: rows in each of its row groups.
    """

    system: Any
    path: str
    identity: str
    groups: tuple[int, ...]

    @classmethod
    def of(cls, system: Any, path: str) -> Shard:
        """Read the file's footer.

        Raises:
            DataError: it has row groups too large to be read.
        """
        with system.open(path, "rb") as stream:
            metadata = pq.read_metadata(stream)
        groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
        if any(group.total_byte_size > _MAX_GROUP_BYTES for group in groups):
            raise DataError(
                f"{path}: a row group unpacks to more than {_MAX_GROUP_BYTES >> 30} GiB; write smaller ones"
            )
        return cls(system, path, f"{path} {system.ukey(path)}", tuple(group.num_rows for group in groups))

    @property
    def count(self) -> int:
        """Its rows."""
        return sum(self.groups)

    def read(self, but: str) -> pa.Table:
        """All its columns but one."""
        with self.system.open(path := self.path, "rb") as stream:
            file = pq.ParquetFile(stream)
            names = [name for name in file.schema_arrow.names if name != but]
            if len(names) == len(file.schema_arrow.names):
                raise DataError(f"{path}: no column {but!r}; there are: {', '.join(names)}; set data.image=...")
            return file.read(columns=names)

    def images(self, groups: Sequence[int], column: str) -> list[bytes | None]:
        """The images of these row groups."""
        with self.system.open(self.path, "rb") as stream:
            values = pq.ParquetFile(stream).read_row_groups(groups, columns=[column]).column(0)
        if pa.types.is_struct(values.type):
            values = pa.chunked_array([chunk.field("bytes") for chunk in values.chunks], pa.binary())
        images: list[bytes | None] = values.to_pylist()
        return images


class ParquetPictures(Pictures):
    """The images of the rows of files.

    Args:
        ids: of all rows of all files.
        shards: the files.
        column: of the images.
        size_px: edge of the decoded pictures, in pixels.
        cache: folder in which finished blocks wait until all are packed.
    """

    work = Work("fetching", "fetched", "images")

    def __init__(self, ids: Sequence[str], shards: Sequence[Shard], column: str, size_px: int, cache: str) -> None:
        super().__init__(ids, size_px)
        self.shards, self.column = shards, column
        digest = hashlib.sha256(f"{size_px} {''.join(self.fingerprint())}".encode()).hexdigest()[:20]
        self.blocks = Path(cache).expanduser().resolve() / f".blocks-{digest}"

    def fingerprint(self) -> Iterator[str]:
        """Changes with an id, the column or a file."""
        yield json.dumps([self.column, [shard.identity for shard in self.shards]])
        yield json.dumps(list(self.ids))

    def drawn(self) -> Generator[np.ndarray | Unreadable, None, None]:
        """Each picture or fault; blocks that an earlier attempt finished are read.

        Raises:
            DataError: the files cannot be read any more; what was fetched is kept.
        """
        with warnings_refuse(), ThreadPoolExecutor(processors()) as pool:
            for number, (shard, groups) in enumerate(self._parts()):
                file = self.blocks / f"{number}.npz"
                if not file.is_file():
                    self._keep(file, list(pool.map(partial(attempt, self._decoded), self._fetched(shard, groups))))
                yield from _block(file)

    def some(self, rows: Sequence[int]) -> Generator[np.ndarray | Unreadable, None, None]:
        """The pictures or faults of these rows, a row group of a file at a time."""
        start = 0
        with warnings_refuse(), ThreadPoolExecutor(processors()) as pool:
            for shard in self.shards:
                for group, count in enumerate(shard.groups):
                    wanted = within(rows, start, start + count)
                    if len(wanted):
                        images = self._fetched(shard, [group])
                        yield from pool.map(partial(attempt, self._decoded), [images[row - start] for row in wanted])
                    start += count

    def packed(self) -> None:
        """Forget the blocks."""
        shutil.rmtree(self.blocks, ignore_errors=True)

    def origin(self, row: int) -> str:
        """The file and the row in it."""
        for shard in self.shards:
            if row < shard.count:
                return f"{shard.path} row {row}"
            row -= shard.count
        raise IndexError(row)

    def _parts(self) -> Iterator[tuple[Shard, list[int]]]:
        """Row groups that follow each other in a file and together are a block."""
        for shard in self.shards:
            part: list[int] = []
            for group in range(len(shard.groups)):
                part.append(group)
                if sum(shard.groups[one] for one in part) >= BLOCK_ROWS or group == len(shard.groups) - 1:
                    yield shard, part
                    part = []

    def _fetched(self, shard: Shard, groups: list[int]) -> list[bytes | None]:
        try:
            return shard.images(groups, self.column)
        except (OSError, pa.ArrowException, KeyError) as error:
            raise DataError(
                f"{shard.path}: cannot be read ({error}); run it again: what is fetched is kept in {self.blocks}"
            ) from error

    def _decoded(self, content: bytes | None) -> np.ndarray:
        if not content:
            raise Unreadable("no image")
        return decode_image(content, self.size_px)

    def _keep(self, file: Path, made: list[np.ndarray | Unreadable]) -> None:
        """Write a block: the pictures, black where there is none, and why."""
        black = np.zeros((self.size_px, self.size_px, 3), dtype=np.uint8)
        pixels = np.stack([black if isinstance(one, Unreadable) else one for one in made])
        reasons = np.array([one.reason if isinstance(one, Unreadable) else "" for one in made], dtype=np.str_)
        self.blocks.mkdir(parents=True, exist_ok=True)
        with replacing(file) as stream:
            np.savez(stream, pixels=pixels, reasons=reasons)


def _block(file: Path) -> Iterator[np.ndarray | Unreadable]:
    with np.load(file, allow_pickle=False) as block:
        pixels, reasons = block["pixels"], block["reasons"].tolist()
    for picture, reason in zip(pixels, reasons, strict=True):
        yield Unreadable(reason) if reason else picture
