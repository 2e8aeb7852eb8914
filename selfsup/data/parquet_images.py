"""Parquet files with the images inside, as the Hugging Face hub publishes data sets: from a folder, or from the hub.

From the hub, only the columns that are needed cross the network: first all but the images, once, then the images, some
thousands at a time; what is packed of them outlives an interruption. pyarrow and the hub's file system do it, which
libraries of this package bring anyway; the package `datasets` would read the same files.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pyarrow as pa
import pyarrow.parquet as pq

from selfsup import trees
from selfsup.data.campaigns import published_votes, without_votes
from selfsup.data.parquet_pictures import ParquetPictures, Shard
from selfsup.data.pictures import Pictures
from selfsup.data.source import Galaxies, Source
from selfsup.data.tables import Table, read_table, require_column
from selfsup.durable import replacing
from selfsup.types import DataError

_ROW_ID = "_galaxy"


@dataclass(kw_only=True)
class ParquetImages(Source):
    """Parquet files, each row a galaxy: its image as JPEG or PNG, its id, and columns.

    Args:
        files: patterns of their paths in the folder, which may be one of the hub: hf://datasets/NAME, or
            hf://datasets/NAME@REVISION for the state that it had then.
        image: the column of the images: bytes, or a record with the field `bytes`.
        id_columns: the columns that together name a galaxy.
    """

    files: list[str]
    image: str
    id_columns: list[str]

    def read(self) -> Galaxies:
        """Read all but the images; from the cache where these very files were read before.

        Raises:
            DataError: no file, one that cannot be read, or two galaxies of one name.
        """
        table = self._table(self._shards)
        paths = [Path(shard.path) for shard in self._shards for _ in range(shard.count)]
        if self.tree is None:
            return self.finished(Galaxies(table.ids, paths, dict(table.columns)))
        questions = trees.tree(self.tree)
        votes = published_votes(table, questions)
        return self.finished(Galaxies(table.ids, paths, without_votes(table, questions), votes, questions))

    def pictures(self, found: Galaxies) -> Pictures:
        """The images, to be fetched and decoded."""
        return ParquetPictures(found.ids, self._shards, self.image, self.size_px, self.cache)

    def galaxy_of(self, picture: str) -> str:
        """The last part of the name: a galaxy that several campaigns showed belongs to one part of the data."""
        return picture.rpartition(":")[2]

    @cached_property
    def _shards(self) -> list[Shard]:
        """The files, in the order of the patterns and of their names."""
        try:
            system, root = fsspec.core.url_to_fs(str(self.folder))
            paths = [path for pattern in self.files for path in sorted(system.glob(f"{root.rstrip('/')}/{pattern}"))]
            shards = [Shard.of(system, path) for path in paths]
        except (OSError, ImportError, ValueError, pa.ArrowException) as error:
            raise DataError(
                f"{self.folder}: cannot be read ({error}); without a network, get the files first (hf download) and "
                f"set data.folder=DIR"
            ) from error
        if not shards:
            raise DataError(f"{self.folder}: no file there is called like {', '.join(self.files)}; set data.folder=...")
        return shards

    def _table(self, shards: list[Shard]) -> Table:
        """All columns but the image, as a table whose ids are the galaxies' names."""
        about = json.dumps([[shard.identity for shard in shards], self.image, list(self.id_columns)])
        home = Path(self.cache).expanduser().resolve()
        file = home / f"{hashlib.sha256(about.encode()).hexdigest()[:20]}-table.parquet"
        if not file.is_file():
            table = self._fetched(shards)
            home.mkdir(parents=True, exist_ok=True)
            with replacing(file) as stream:
                pq.write_table(table, stream)
        return read_table(file, _ROW_ID)

    def _fetched(self, shards: list[Shard]) -> pa.Table:
        try:
            table = pa.concat_tables([shard.read(but=self.image) for shard in shards], promote_options="default")
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{self.folder}: cannot be read ({error}); try again, or get the files anew") from error
        for name in self.id_columns:
            require_column(name, table.column_names, str(self.folder))
        parts: list[list[Any]] = [table.column(name).cast(pa.string()).to_pylist() for name in self.id_columns]
        ids = [":".join(str(part) for part in row) for row in zip(*parts, strict=True)]
        twice = [galaxy for galaxy, count in Counter(ids).most_common(1) if count > 1]
        if twice:
            raise DataError(f"{self.folder}: {twice[0]!r} is there twice; add to data.id_columns={self.id_columns}")
        return table.append_column(_ROW_ID, pa.array(ids, pa.string()))
