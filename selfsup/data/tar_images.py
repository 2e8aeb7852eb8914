"""Images in tar archives as webdataset lays them out (https://github.com/webdataset/webdataset).

Files that share a name up to its first dot are one galaxy: `0001.jpg` its picture, `0001.json` its columns, `0001.cls`
its class. The headers are read once, and what they say is kept in the cache; nothing is unpacked.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from selfsup import trees
from selfsup.data.campaigns import published_votes, without_votes
from selfsup.data.pictures import Pictures, length_and_date
from selfsup.data.source import Galaxies, Source, list_images
from selfsup.data.tables import Table, read_table
from selfsup.data.tar_columns import columns_of
from selfsup.data.tar_index import MAX_MEMBERS, Member, members
from selfsup.data.tar_pictures import TarPictures
from selfsup.durable import replacing
from selfsup.types import DataError

_GALAXY, _PLACE = "_galaxy", ("_shard", "_offset", "_bytes")
_MAX_COLUMNS = 10_000
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class TarImages(Source):
    """Archives `*.tar` in a folder and below.

    Args:
        images: endings of the files that are a galaxy's picture, JPEG or PNG; the first that it has is taken.
        id_key: what its .json calls the galaxy's id; null where its name in the archive is one.
    """

    images: list[str]
    id_key: str | None

    def read(self) -> Galaxies:
        """Read the headers and the columns; from the cache where these very archives were read before.

        Raises:
            DataError: no archive, a damaged one, columns that cannot be read, or two galaxies of one name.
        """
        shards, table = self._index
        files = [shards[number] for number in self._places[:, 0]]
        columns = {name: values for name, values in table.columns.items() if name not in _PLACE}
        if self.tree is None:
            return self.finished(Galaxies(table.ids, files, columns))
        questions = trees.tree(self.tree)
        table = Table(table.file, table.ids, columns)
        votes = published_votes(table, questions)
        return self.finished(Galaxies(table.ids, files, without_votes(table, questions), votes, questions))

    def pictures(self, found: Galaxies) -> Pictures:
        """The images, in their places."""
        return TarPictures(found.ids, self._index[0], self._places, self.size_px)

    @cached_property
    def _index(self) -> tuple[list[Path], Table]:
        """The archives, and a row for each galaxy."""
        shards = list_images(self.folder, (".tar",))
        identity = [[str(shard), *length_and_date(shard)] for shard in shards]
        digest = hashlib.sha256(json.dumps([identity, list(self.images), self.id_key]).encode()).hexdigest()[:20]
        file = Path(self.cache).expanduser().resolve() / f"{digest}-tar.parquet"
        if not file.is_file():
            table = self._read_archives(shards)
            file.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file) as stream:
                pq.write_table(table, stream)
        return shards, read_table(file, _GALAXY)

    @property
    def _places(self) -> np.ndarray:
        """(N, 3) int64: archive, first byte, bytes of each picture."""
        return self._index[1].numbers(_PLACE).astype(np.int64)

    def _read_archives(self, shards: list[Path]) -> pa.Table:
        parts = [self._read_archive(number, shard) for number, shard in enumerate(shards)]
        table = pa.concat_tables(parts, promote_options="default")
        if not len(table):
            raise DataError(
                f"{self.folder}: no file in its archives ends in .{', .'.join(self.images)}; set data.images"
            )
        for galaxy, count in Counter(table.column(_GALAXY).to_pylist()).most_common(1):
            if count > 1:
                raise DataError(
                    f"{self.folder}: {galaxy!r} is there {count} times; a galaxy's name must be its own in all "
                    f"archives, or its .json must have an id, named by data.id_key"
                )
        return table

    def _read_archive(self, number: int, shard: Path) -> pa.Table:
        """A row for each galaxy with a picture: its id, where that lies, and its columns as text."""
        found: dict[str, dict[str, Member]] = {}
        for count, member in enumerate(members(shard)):
            if count >= MAX_MEMBERS:
                raise DataError(f"{shard}: more than {MAX_MEMBERS} files; split it")
            name, ending = _parted(member.name)
            if ending and found.setdefault(name, {}).setdefault(ending, member) is not member:
                raise DataError(f"{shard}: {member.name!r} is there twice; write the archive anew")
        rows = []
        for name, parts in found.items():
            image = next((parts[ending] for ending in self.images if ending in parts), None)
            if image is not None:
                said = columns_of(shard, parts)
                galaxy = name if self.id_key is None else _id(said, self.id_key, shard, name)
                rows.append(
                    {**said, _GALAXY: galaxy, **dict(zip(_PLACE, (number, image.offset, image.size), strict=True))}
                )
        if len(rows) < len(found):
            _log.info("%s: %d of %d names have no picture", shard, len(found) - len(rows), len(found))
        return _table(rows, shard)


def _parted(name: str) -> tuple[str, str]:
    """Name in an archive -> the galaxy's part of it, and the ending; no ending where it is no galaxy's."""
    folder, slash, file = name.removeprefix("./").rpartition("/")
    stem, _, ending = file.partition(".")
    return f"{folder}{slash}{stem}", ending.lower() if stem else ""


def _id(said: dict[str, str | None], key: str, shard: Path, name: str) -> str:
    found = said.pop("json_id" if key == "id" else key, None)
    if not found:
        raise DataError(f"{shard}: {name!r} has no {key!r} in its .json; see data.id_key")
    return found


def _table(rows: list[dict[str, Any]], shard: Path) -> pa.Table:
    names = dict.fromkeys([_GALAXY, *_PLACE, *(name for row in rows for name in row)])
    if len(names) > _MAX_COLUMNS:
        raise DataError(f"{shard}: its .json files have {len(names)} different names; {_MAX_COLUMNS} is the most")
    kinds = {name: pa.int64() if name in _PLACE else pa.string() for name in names}
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in kinds.items()})
