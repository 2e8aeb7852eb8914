"""An index finds what the exact search finds, is rebuilt when it must be, and only then."""

import json
import logging
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from selfsup.analysis.index import Effort, fingerprint, open_index
from selfsup.analysis.indexing import Settings
from selfsup.analysis.neighbours import nearest
from selfsup.analysis.where import parse_where
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError, DataError

N, D = 3000, 16
SETTINGS = Settings(cells_factor=1.0, train_rows=2000, seed=0)
V = "version"
CAREFUL = Effort(nprobe=8, rerank=4, exact_below=0)


def embedding(seed=0):
    """Galaxies in forty clumps of many sizes and lengths."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(40, D)) * rng.uniform(0.5, 3, (40, 1))
    return (centres[rng.integers(0, 40, N)] + 0.3 * rng.normal(size=(N, D))).astype(np.float32)


def asked(count):
    """Places near galaxies."""
    rows = np.linspace(0, N - 1, count).astype(int)
    return embedding()[rows] + 0.1 * np.random.default_rng(4).normal(size=(count, D))


def made(path, points, rows_per_file=700):
    columns = {"share": np.random.default_rng(1).random(len(points))}
    Catalogue.from_arrays([f"g{i:05}" for i in range(len(points))], points, columns, {}).save(path, rows_per_file)
    return Catalogue.open(path)


@pytest.fixture
def catalogue(tmp_path):
    return made(tmp_path / "c", embedding())


def ids(found):
    return [[n.id for n in row] for row in found]


def recall(found, exact):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(ids(found), ids(exact), strict=True)])


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("block_bytes", [2**29, 1000 * D])
def test_finds_what_the_exact_search_finds(metric, block_bytes, catalogue, tmp_path):
    queries = asked(20)
    index = open_index(catalogue, V, tmp_path / "i", metric, SETTINGS, block_bytes)
    blocks = len(list((tmp_path / "i" / metric).glob("*.faiss")))
    assert blocks == (1 if block_bytes == 2**29 else 3)
    exact = nearest(catalogue, queries, 10, metric)
    found = index.nearest(queries, 10, CAREFUL)
    assert recall(found, exact) > 0.97
    everything = index.nearest(queries, 10, Effort(nprobe=10**6, rerank=40, exact_below=0))
    assert everything == exact


def test_blocks_change_nothing(catalogue, tmp_path):
    queries = asked(5)
    one = open_index(catalogue, V, tmp_path / "one", "cosine", SETTINGS).nearest(queries, 10, CAREFUL)
    many = open_index(catalogue, V, tmp_path / "many", "cosine", SETTINGS, 900 * D).nearest(queries, 10, CAREFUL)
    assert one == many


def test_exact_distances_correct_the_order_of_eight_bits(catalogue, tmp_path):
    """Neighbours of each other so close that 8 bits cannot tell them apart."""
    close = embedding()
    close[:50] = close[0] + 1e-3 * np.random.default_rng(3).normal(size=(50, D))
    near = made(tmp_path / "close", close)
    found = open_index(near, V, tmp_path / "i", "euclidean", SETTINGS).nearest(close[:1], 10, Effort(4, 20, 0))
    assert found == nearest(near, close[:1], 10, "euclidean")


@pytest.mark.parametrize("low", [0.5, 0.99])
def test_conditions_are_met_and_enough_is_found_in_as_many_cells_as_it_takes(low, catalogue, tmp_path):
    where = parse_where({"share": [low, None]})
    keep, queries = where.over(catalogue), asked(5)
    index = open_index(catalogue, V, tmp_path / "i", "cosine", SETTINGS)
    found = index.nearest(queries, 25, Effort(nprobe=1, rerank=1, exact_below=0), keep)
    assert all(len(row) == min(25, keep.sum()) for row in found)
    assert all(keep[n.row] for row in found for n in row)
    assert index.nearest(queries, 25, Effort(1, 1, exact_below=N), keep) == nearest(
        catalogue, queries, 25, "cosine", where
    )
    assert index.nearest(queries, 25, CAREFUL, np.zeros(N, dtype=bool)) == [[]] * 5


def test_an_index_is_used_again(catalogue, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    passed = []
    open_index(catalogue, V, tmp_path / "i", "cosine", SETTINGS, advance=passed.append)
    assert sum(passed) == 2 * N
    assert "there is no index yet; indexing 3000 galaxies" in caplog.text
    caplog.clear()
    open_index(catalogue, V, tmp_path / "i", "cosine", SETTINGS, advance=passed.append)
    assert sum(passed) == 2 * N
    assert not caplog.records


def shorten(folder):
    file = next(folder.glob("*.faiss"))
    os.truncate(file, file.stat().st_size // 2)


def replace_catalogue(folder):
    shutil.rmtree(folder.parents[1] / "c")
    made(folder.parents[1] / "c", embedding(5))


FAULTS = {
    "another catalogue": replace_catalogue,
    "another settings": lambda _: None,
    "is not as long as it was": shorten,
    "manifest cannot be read": lambda folder: (folder / "manifest.json").write_text('{"files"'),
    "embedding.npy is not": lambda folder: (folder / "embedding.npy").unlink(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_index_that_is_stale_or_torn_is_built_again_and_says_why(fault, catalogue, tmp_path, caplog):
    path = tmp_path / "c"
    open_index(catalogue, fingerprint(path), tmp_path / "i", "cosine", SETTINGS)
    FAULTS[fault](tmp_path / "i" / "cosine")
    now = Catalogue.open(path)
    settings = Settings(1.0, 2000, seed=1) if fault == "another settings" else SETTINGS
    caplog.set_level(logging.INFO)
    index = open_index(now, fingerprint(path), tmp_path / "i", "cosine", settings)
    found = index.nearest(asked(3), 5, Effort(10**6, 40, 0))
    assert fault in caplog.text
    assert found == nearest(now, asked(3), 5, "cosine")
    assert not list((tmp_path / "i").rglob("*.partial"))


def test_nothing_is_there_where_building_failed(tmp_path):
    points = embedding()
    catalogue = made(tmp_path / "c", points)
    file = sorted((tmp_path / "c").iterdir())[-1]
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(Exception, match="Parquet"):
        open_index(catalogue, V, tmp_path / "i", "cosine", SETTINGS)
    assert not (tmp_path / "i" / "cosine").exists()


def test_of_searches_that_begin_together_one_builds_the_index(catalogue, tmp_path):
    """The lock belongs to the open file: threads wait for each other as processes do."""
    passed = [[] for _ in range(3)]

    def search(told):
        open_index(catalogue, V, tmp_path / "i", "cosine", SETTINGS, advance=told.append)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(search, passed))
    assert sorted(sum(told) for told in passed) == [0, 0, 2 * N]


def test_the_manifest_says_what_it_is_of(catalogue, tmp_path):
    open_index(catalogue, V, tmp_path / "i", "euclidean", SETTINGS)
    said = json.loads((tmp_path / "i" / "euclidean" / "manifest.json").read_text())
    assert said["metric"] == "euclidean"
    assert said["settings"] == {"cells_factor": 1.0, "train_rows": 2000, "seed": 0}
    assert said["catalogue"] == V


def test_a_fingerprint_is_of_names_lengths_and_dates(catalogue, tmp_path):
    before, file = fingerprint(tmp_path / "c"), tmp_path / "c" / "part-00001.parquet"
    assert fingerprint(tmp_path / "c") == before
    assert fingerprint(file) != before
    os.utime(file, (1, 1))
    assert fingerprint(tmp_path / "c") != before


def test_cells_follow_the_number_of_galaxies_and_the_sample():
    assert Settings(4, 262_144, 0).cells(1_000_000) == 4000
    assert Settings(4, 262_144, 0).cells(10_000_000) == 262_144 // 39
    assert Settings(4, 262_144, 0).cells(20) == 1


def test_what_cannot_be_is_refused(catalogue, tmp_path):
    with pytest.raises(ConfigError, match="metric=manhattan: there is no index"):
        open_index(catalogue, V, tmp_path / "i", "manhattan", SETTINGS)
    with pytest.raises(ConfigError, match="nprobe=0"):
        Effort(0, 4, 0)
    with pytest.raises(ConfigError, match="cells_factor=0"):
        Settings(0, 10, 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written there"):
        open_index(catalogue, V, tmp_path / "file", "cosine", SETTINGS)
    index = open_index(catalogue, V, tmp_path / "i", "cosine", SETTINGS)
    with pytest.raises(ConfigError, match=f"embeddings are {D} wide"):
        index.nearest(np.ones((1, 3)), 5, CAREFUL)


def test_a_disk_that_is_too_small_is_known_beforehand(tmp_path, monkeypatch):
    catalogue = made(tmp_path / "c", embedding())
    monkeypatch.setattr(Catalogue, "__len__", lambda _: 10**15)
    with pytest.raises(DataError, match="GB are free; make room"):
        open_index(catalogue, V, tmp_path / "i", "cosine", SETTINGS)
