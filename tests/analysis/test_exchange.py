"""Tables go out and come back with the same ids and ratings, and nothing in them is a formula."""

import csv

import numpy as np
import pyarrow as pa
import pytest

from selfsup.analysis.exchange import merge_ratings, read_ratings, write_ranking
from selfsup.analysis.journal import Journal
from selfsup.types import DataError

IDS = ["a", "=1+1", "-3", "@x", "+5", "\tz", 'with "quotes", comma', "ünïcode", "'quoted"]


@pytest.fixture
def ids():
    return pa.chunked_array([IDS[:4], IDS[4:]], pa.string())


def test_rows_in_their_order_with_empty_cells_and_without_formulas(ids, tmp_path):
    rating = np.array([np.nan, 1, 2, 3, 4, 5, 0, 0.5, 1], np.float32)
    write_ranking(ids, {"rating": rating, "interest": rating - 1}, np.array([6, 0, 1]), tmp_path / "new" / "r.csv")
    with (tmp_path / "new" / "r.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", "rating", "interest"]
    assert rows[1] == [IDS[6], "0", "-1"]
    assert rows[2] == ["a", "", ""]
    assert rows[3] == ["'=1+1", "1", "0"]


def test_what_was_written_is_read_back(ids, tmp_path):
    rating = np.arange(9, dtype=np.float32) / 2
    write_ranking(ids, {"rating": rating}, np.arange(9), tmp_path / "r.csv")
    assert read_ratings(tmp_path / "r.csv") == list(zip(IDS, rating.tolist(), strict=True))


def test_empty_ratings_and_other_columns_pass(tmp_path):
    (tmp_path / "r.csv").write_text("note,rating,id\nx,3,a\n,,b\n,4.5,c\n", encoding="utf-8-sig")
    assert read_ratings(tmp_path / "r.csv") == [("a", 3.0), ("c", 4.5)]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("id,rating\na,6\n", "line 2: rating '6'"),
        ("id,rating\na,1\nb,x\n", "line 3"),
        ("id,score\na,1\n", "column rating"),
    ],
)
def test_what_is_no_table_of_ratings_is_an_error(text, match, tmp_path):
    (tmp_path / "r.csv").write_text(text)
    with pytest.raises(DataError, match=match):
        read_ratings(tmp_path / "r.csv")
    with pytest.raises(DataError, match=r"none\.csv"):
        read_ratings(tmp_path / "none.csv")


def test_a_file_is_merged_once_and_does_not_undo_what_was_said_later(ids, tmp_path):
    journal = Journal(tmp_path / "ratings.jsonl")
    assert merge_ratings(journal, [("a", 3), ("-3", 1)], ids, "file") == 2
    journal.add([("a", 5)], "me")
    assert merge_ratings(journal, [("a", 3), ("-3", 2)], ids, "file") == 1
    assert journal.ratings() == {"a": 5.0, "-3": 2.0}


def test_strangers_are_refused_and_nothing_is_added(ids, tmp_path):
    journal = Journal(tmp_path / "ratings.jsonl")
    with pytest.raises(DataError, match="1 of 2 rated ids are not in the catalogue: b"):
        merge_ratings(journal, [("a", 3), ("b", 1)], ids, "file")
    assert journal.ratings() == {}
