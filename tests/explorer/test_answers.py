"""Answers of people: kept line by line, counted by galaxy, and only what a walk down the tree can give."""

import json

import numpy as np
import pytest

from selfsup.explorer.answers import Answers, counted, fault_of
from selfsup.trees import tree
from selfsup.types import DataError

GZ2 = tree("gz2")
SPIRAL = ["smooth-or-featured_featured-or-disk", "disk-edge-on_no", "has-spiral-arms_yes", "spiral-winding_tight"]


def test_the_latest_of_each_person_counts_and_a_torn_line_does_not(tmp_path):
    book = Answers(tmp_path / "answers.jsonl")
    assert book.latest() == {}
    book.add("=g\n1", ["a"], "eve")
    book.add("=g\n1", ["b"], "bob")
    with book.path.open("ab") as stream:
        stream.write(b'{"id": "g2", "answ')  # a writer was killed
    assert Answers(book.path).latest() == {("=g\n1", "eve"): ["a"], ("=g\n1", "bob"): ["b"]}
    Answers(book.path).add("=g\n1", ["c", "d"], "eve")
    assert Answers(book.path).latest()["=g\n1", "eve"] == ["c", "d"]
    assert len(book.path.read_bytes().splitlines()) == 3
    assert json.loads(book.path.read_bytes().splitlines()[0])["when"].endswith("+00:00")
    book.path.write_bytes(b"{}\n" + book.path.read_bytes())
    with pytest.raises(DataError, match="line 1"):
        book.latest()


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        (SPIRAL, ""),
        (SPIRAL[:2], ""),
        (["something-odd_no"], ""),
        ([], "Answer one question at least."),
        (["smooth"], "'smooth' is no answer of the tree gz2."),
        (SPIRAL[1:], "disk-edge-on is not asked after these answers."),
        ([*SPIRAL, "spiral-winding_loose"], "Give one answer to each question."),
        ([*SPIRAL, SPIRAL[0]], "Give one answer to each question."),
    ],
)
def test_a_path_down_the_tree(answers, fault):
    assert fault_of(answers, GZ2) == fault


def test_votes_are_counted():
    ids, votes = counted([("a", SPIRAL), ("b", SPIRAL[:1]), ("a", SPIRAL[:2])], GZ2)
    assert ids == ["a", "b"]
    assert [votes[:, GZ2.answers.index(answer)].tolist() for answer in SPIRAL] == [[2, 1], [2, 0], [1, 0], [1, 0]]
    assert votes.sum() == 7
    assert counted([], GZ2)[1].shape == (0, len(GZ2.answers))
    assert np.issubdtype(votes.dtype, np.integer)
