"""What is exported: chosen columns of a catalogue, read part by part."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa

from selfsup.catalogue import Catalogue
from selfsup.exports.columns import Column, Extent, cast, column_of, extent_of, measured

BATCH_ROWS = 16_384
"""Rows that are in memory together."""


class Content:
    """What is to be written, read from the catalogue anew at each pass.

    Args:
        catalogue: the galaxies.
        columns: names, in the order of the file; None for all. The ids come first in any case.
        embedding: whether it follows, as a vector.
        advance: told how many rows have been handed out to be written.

    Raises:
        DataError: no such column, or one that no format can hold.
    """

    def __init__(
        self, catalogue: Catalogue, columns: Sequence[str] | None, embedding: bool, advance: Callable[[int], None]
    ) -> None:
        self.catalogue, self.advance, self.rows = catalogue, advance, len(catalogue)
        chosen = catalogue.columns if columns is None else [name for name in columns if name != "id"]
        names = dict.fromkeys(["id", *chosen, *(["embedding"] if embedding else [])])
        self.columns = [column_of(catalogue, name) for name in names]

    @property
    def provenance(self) -> str:
        """Where the catalogue comes from, as ASCII JSON on one line."""
        return json.dumps(self.catalogue.provenance)

    def tables(self) -> Iterator[pa.Table]:
        """All rows, in order, some thousands at a time.

        Raises:
            DataError: a value does not fit the type of its column in the file.
        """
        for table in self._plain(self.columns):
            yield table
            self.advance(len(table))

    def measured(self) -> Content:
        """The same, whose columns know their extents, after a pass over those of text, integers and truth values."""
        known = dict.fromkeys((column.name for column in self.columns), Extent())
        seen = [column for column in self.columns if not column.width and not pa.types.is_floating(column.kind)]
        for table in self._plain(seen):
            for name in table.column_names:
                known[name] = known[name].joined(extent_of(table.column(name)))
        other = copy.copy(self)
        other.columns = [measured(column, known[column.name]) for column in self.columns]
        return other

    def _plain(self, columns: Sequence[Column]) -> Iterator[pa.Table]:
        names = [column.name for column in columns]
        for table in self.catalogue.tables(BATCH_ROWS, names[1:]):  # the first is `id`, which comes with any
            yield pa.table([cast(table.column(column.name), column) for column in columns], names=names)
