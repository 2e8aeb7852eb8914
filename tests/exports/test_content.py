"""What is chosen of a catalogue, and what is known of it before it is written."""

import pytest

from selfsup.catalogue import About
from selfsup.exports import content as exported
from selfsup.exports.columns import Extent
from selfsup.exports.content import Content
from selfsup.types import DataError


def test_columns_are_chosen_and_ids_come_first(catalogue, content):
    names = [column.name for column in content(catalogue(), ["n", "id", "ra"], embedding=True).columns]
    assert names == ["id", "n", "ra", "embedding"]
    assert content(catalogue()).columns[1].about == About("deg", "right ascension, J2000")  # on one line
    with pytest.raises(DataError, match=r"no column 'raa' \(did you mean 'ra'\?\)"):
        content(catalogue(), ["raa"])


def test_what_was_written_is_told(catalogue, monkeypatch):
    monkeypatch.setattr(exported, "BATCH_ROWS", 2)
    told = []
    made = Content(catalogue(), None, False, told.append)
    made.measured()
    assert told == []
    list(made.tables())
    assert told == [2, 2, 1]


def extents(content):
    return {column.name: column.extent for column in content.measured().columns}


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_extents_are_those_of_all_parts(rows, catalogue, content, monkeypatch):
    monkeypatch.setattr(exported, "BATCH_ROWS", rows)
    ids = ["a", "galaxié", "c\U0001f30cd", "d\0", "longest"]
    found = extents(content(catalogue(ids)))
    assert found["id"] == Extent(characters=7, units=7, strange="galaxié", nul="d\0")
    assert found["n"] == Extent(missing=True, least=-5)
    assert found["Class1.1"] == Extent()
    assert found["survey"] == Extent(characters=7, units=7)
    assert found["ra"] == Extent()
    milky = extents(content(catalogue(["\U0001f30c"] * 5)))["id"]
    assert (milky.characters, milky.units) == (1, 2)
