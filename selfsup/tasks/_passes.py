"""Going once through a catalogue that need not fit in memory, and which of its columns are worth a look."""

from collections.abc import Iterator, Sequence
from itertools import islice

from selfsup.analysis.agreement import read_classes
from selfsup.catalogue import Catalogue
from selfsup.catalogue_files import GROUP_ROWS
from selfsup.data.progress import Work, reported

USUAL = ("label", "colour")
"""Columns that are looked at where none are named."""


def passed(catalogue: Catalogue, doing: str, done: str) -> Iterator[Catalogue]:
    """The catalogue in batches, the work on each in words: ("placing", "placed")."""
    with reported(len(catalogue), Work(doing, done, "galaxies")) as advance:
        for batch in catalogue.batches(GROUP_ROWS):
            yield batch
            advance(len(batch))


def shown_columns(catalogue: Catalogue, named: Sequence[str] | None) -> list[str]:
    """The columns (or questions, see `read_classes`) that are named, or `USUAL` ones there are, once each.

    Raises:
        DataError: one that is named is not there.
    """
    if named is None:
        return [name for name in USUAL if catalogue.has(name)]
    for first in islice(catalogue.batches(1), 1):
        for name in named:
            read_classes(first, name)
    return list(dict.fromkeys(named))
