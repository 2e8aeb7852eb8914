"""Neighbours: asking for one or for all, exactly or through an index, gives the same."""

import numpy as np
import pytest

from selfsup.analysis.index import Effort, open_index
from selfsup.analysis.indexing import EMBEDDING, Settings
from selfsup.catalogue import Catalogue
from selfsup.explorer.near import SHOWN, Exactly, Indexed


@pytest.fixture(scope="module")
def catalogue():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(700, 12))
    points[10:14] = points[20]  # the same galaxy five times
    points[30] = 0  # and one without a direction
    return Catalogue.from_arrays([f"g{i}" for i in range(700)], points, {}, {})


def slow(points, row):
    unit = points / np.linalg.norm(points, axis=1, keepdims=True).clip(1e-30)
    similar = unit @ unit[row]
    others = np.delete(np.arange(len(points)), row)
    return np.sort(similar[others])[::-1][:SHOWN]


def test_one_or_all_at_once_are_the_same_and_right(catalogue):
    near, points = Exactly(catalogue), catalogue.embedding().astype(float)
    together = near(range(700))
    for row in (0, 12, 20, 30, 699):
        assert near([row]) == [together[row]]
        rows, similar = zip(*together[row], strict=True)
        assert row not in rows
        assert len(set(rows)) == SHOWN
        np.testing.assert_allclose(similar, slow(points, row), atol=1e-6)
    assert {row for row, similarity in together[20] if similarity == 1} == {10, 11, 12, 13}


def test_of_few_galaxies_there_are_few_neighbours():
    few = Catalogue.from_arrays(["a", "b", "c"], np.eye(3), {}, {})
    assert [row for row, _ in Exactly(few)([1])[0]] == [0, 2]
    assert Exactly(Catalogue.from_arrays(["a"], [[1.0]], {}, {}))([0]) == [[]]


def test_through_an_index_they_are_the_same(catalogue, tmp_path):
    pytest.importorskip("faiss")
    index = open_index(catalogue, "v", tmp_path, "cosine", Settings(1, 700, 0))
    embedding = np.load(tmp_path / "cosine" / EMBEDDING, mmap_mode="r")
    through = Indexed(index, embedding, Effort(nprobe=1000, rerank=10, exact_below=0))
    for row in (0, 5, 699):
        assert dict(through([row])[0]) == pytest.approx(dict(Exactly(catalogue)([row])[0]), abs=2e-6)
