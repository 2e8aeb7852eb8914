"""The nearest galaxies against a plain loop, whatever the batches and shards."""

import math

import numpy as np
import pytest

from selfsup.analysis.neighbours import METRICS, distances, middle, nearest
from selfsup.analysis.where import parse_where
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError, DataError

N, D = 200, 6


def made(folder, embedding, ids, columns=None, rows_per_file=None):
    Catalogue.from_arrays(ids, embedding, columns or {}, {}).save(folder / "found.parquet", rows_per_file)
    return Catalogue.open(folder / "found.parquet")


@pytest.fixture
def galaxies():
    """Embeddings on a coarse grid, so that many distances are equal, and ids in no order."""
    rng = np.random.default_rng(0)
    embedding = rng.integers(-1, 2, (N, D)).astype(np.float32)
    return embedding, [f"g{number:03}" for number in rng.permutation(N)]


def naive(query, point, metric):
    if metric == "manhattan":
        return sum(abs(a - b) for a, b in zip(query, point, strict=True))
    if metric == "euclidean":
        return math.sqrt(sum((a - b) ** 2 for a, b in zip(query, point, strict=True)))
    lengths = math.hypot(*query) * math.hypot(*point)
    return 1 - sum(a * b for a, b in zip(query, point, strict=True)) / lengths if lengths else 1.0


@pytest.mark.parametrize("metric", METRICS)
def test_agrees_with_a_plain_loop(metric, galaxies, tmp_path):
    embedding, ids = galaxies
    queries = np.random.default_rng(1).normal(size=(3, D))
    found = nearest(made(tmp_path, embedding, ids), queries, 20, metric, batch_rows=17)
    for query, neighbours in zip(queries.tolist(), found, strict=True):
        far = (round(naive(query, point, metric), 9) for point in embedding.tolist())
        expected = sorted(zip(far, ids, strict=True))
        assert [(round(n.distance, 9), n.id) for n in neighbours] == expected[:20]
        assert [ids[n.row] for n in neighbours] == [n.id for n in neighbours]


@pytest.mark.parametrize("metric", METRICS)
def test_batches_and_shards_change_nothing_even_among_equals(metric, galaxies, tmp_path):
    embedding, ids = galaxies
    answers = []
    for rows_per_file in (None, 7, 60):
        (folder := tmp_path / str(rows_per_file)).mkdir()
        catalogue = made(folder, embedding, ids, rows_per_file=rows_per_file)
        answers += [nearest(catalogue, embedding[:2], 25, metric, batch_rows=rows) for rows in (1, 13, 999)]
    assert all(answer == answers[0] for answer in answers)
    far = [n.distance for n in answers[0][0]]
    assert len(set(far)) < len(far)


def test_the_order_of_the_rows_changes_nothing(galaxies, tmp_path):
    embedding, ids = galaxies
    (tmp_path / "turned").mkdir()
    one = nearest(made(tmp_path, embedding, ids), embedding[:2], 25, "euclidean")
    other = nearest(made(tmp_path / "turned", embedding[::-1], ids[::-1]), embedding[:2], 25, "euclidean")
    assert [[n.id for n in row] for row in one] == [[n.id for n in row] for row in other]


def test_the_galaxy_itself_is_at_no_distance_and_fewer_than_asked_are_all(galaxies, tmp_path):
    embedding = np.random.default_rng(2).normal(size=(5, 64)).astype(np.float32)
    catalogue = made(tmp_path, embedding, list("abcde"))
    for metric in METRICS:
        (found,) = nearest(catalogue, embedding[3:4], 99, metric)
        assert found[0].distance == 0
        assert found[0].id == "d"
        assert len(found) == 5


def test_neighbours_meet_the_conditions(galaxies, tmp_path):
    embedding, ids = galaxies
    kind = np.where(np.arange(N) % 4 == 0, "ring", "smooth").astype(object)
    catalogue = made(tmp_path, embedding, ids, {"kind": kind})
    where = parse_where({"kind": "ring"})
    found = nearest(catalogue, embedding[:1], 99, "cosine", where, batch_rows=13)[0]
    assert sorted(n.row for n in found) == list(range(0, N, 4))
    assert nearest(catalogue, embedding[:1], 3, "cosine", parse_where({"kind": "lens"})) == [[]]


def test_what_has_no_direction_is_at_right_angles_to_everything():
    points = np.array([[0.0, 0.0], [2.0, 0.0], [-1.0, 0.0]])
    assert distances(points, points, "cosine").tolist() == [[1, 1, 1], [1, 0, 2], [1, 2, 0]]


def test_the_middle_of_examples_is_of_directions_for_cosine():
    examples = np.array([[10.0, 0.0], [0.0, 1.0]])
    assert middle(examples, "cosine").tolist() == [0.5, 0.5]
    assert middle(examples, "manhattan").tolist() == [5, 0.5]


def test_what_cannot_be_searched_is_refused(galaxies, tmp_path):
    catalogue = made(tmp_path, *galaxies)
    with pytest.raises(ConfigError, match=r"metric=hamming.* cosine, euclidean or manhattan"):
        nearest(catalogue, np.ones((1, D)), 3, "hamming")
    with pytest.raises(ConfigError, match=f"embeddings are {D} wide"):
        nearest(catalogue, np.ones((1, D + 1)), 3, "cosine")
    with pytest.raises(ConfigError, match="not finite"):
        nearest(catalogue, np.full((1, D), np.nan), 3, "cosine")


def test_a_missing_embedding_is_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = pa.list_(pa.float32(), 2)
    table = pa.table({"id": ["a", "b"], "embedding": pa.array([[1.0, 2.0], None], kind)})
    pq.write_table(table, tmp_path / "found.parquet")
    with pytest.raises(DataError, match="1 galaxies such as b is not finite"):
        nearest(Catalogue.open(tmp_path / "found.parquet"), np.ones((1, 2)), 3, "cosine")
