"""A person's hunt: what is known counts, nobody is asked twice, and the journal is all that there is to keep."""

import logging

import numpy as np
import pyarrow as pa
import pytest

from selfsup.analysis.components import Field
from selfsup.analysis.hunt import Hunt
from selfsup.analysis.interest import Bounds, log_expected_improvement
from selfsup.analysis.journal import OFFERED, WITHDRAWN, Journal

BOUNDS = Bounds((1, 100), (0.1, 100), (0.1, 10))


@pytest.fixture
def field():
    position = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    return Field(pa.chunked_array([[f"g{i}" for i in range(20)], [f"g{i}" for i in range(20, 50)]]), position)


@pytest.fixture
def hunt(field, tmp_path):
    return Hunt(field, Journal(tmp_path / "ratings.jsonl"), BOUNDS, 0.5, seed=0)


def test_the_first_batch_is_random_and_another_one_follows(hunt, field, tmp_path):
    nothing = hunt.expected()
    assert not nothing.any_rated
    first = hunt.next_batch(nothing, 10)
    again = Hunt(field, Journal(tmp_path / "other.jsonl"), BOUNDS, 0.5, seed=0)
    assert again.next_batch(nothing, 10).tolist() == first.tolist() != sorted(first.tolist())
    hunt.journal.add([(galaxy, OFFERED) for galaxy in hunt.ids(first)], "me")
    assert not set(hunt.next_batch(nothing, 10)) & set(first)


def test_the_next_batch_has_the_highest_improvement_and_nobody_twice(hunt):
    hunt.journal.add([("g3", 5), ("g7", 0), ("g9", 2)], "me")
    hunt.journal.add([("g9", WITHDRAWN), ("g11", OFFERED)], "me")
    expected = hunt.expected()
    assert np.flatnonzero(~np.isnan(expected.rating)).tolist() == [3, 7]
    batch = hunt.next_batch(expected, 5)
    score = log_expected_improvement(expected.mean, expected.std, 5.0, 0.5)
    free = [row for row in np.argsort(-score, kind="stable").tolist() if row not in (3, 7, 9, 11)]
    assert batch.tolist() == free[:5]
    assert len(hunt.next_batch(expected, 99)) == 46
    assert expected.ranked()[0] == 3
    assert set(expected.columns) == {"rating", "interest", "interest_std", "expected_improvement"}
    assert hunt.ids(np.array([3, 40])) == ["g3", "g40"]


def test_ratings_of_other_catalogues_are_left_out_and_named(hunt, caplog):
    hunt.journal.add([("g3", 5), ("elsewhere", 4)], "me")
    with caplog.at_level(logging.WARNING):
        assert np.flatnonzero(~np.isnan(hunt.expected().rating)).tolist() == [3]
    assert "1 rated galaxies are not in this catalogue" in caplog.text
