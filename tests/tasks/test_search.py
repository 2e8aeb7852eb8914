"""A search by the command line: by galaxies, place, picture and vector; exactly, and through the index."""

import csv
import json
import logging
import re

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from selfsup.analysis.neighbours import METRICS, distances, nearest
from selfsup.catalogue import Catalogue
from selfsup.config import build
from selfsup.tasks import search
from selfsup.types import ConfigError, DataError

N, D = 400, 6
IDS = [f"g{number:03}" for number in range(N)]
SMALL = {"exact_below": 100, "train_rows": 400, "cells_factor": 0.5, "nprobe": 99}


def made(provenance):
    rng = np.random.default_rng(0)
    columns = {
        "share": np.arange(N) / N,
        "class": np.array(["spiral", "=lens", "", "smooth"] * (N // 4), dtype=object),
        "rank": np.arange(N),
        "ra": np.where(np.arange(N) == 7, 359.9999, rng.uniform(10, 300, N)),
        "dec": np.where(np.arange(N) == 7, 0.0, rng.uniform(-60, 60, N)),
    }
    return Catalogue.from_arrays(IDS, rng.normal(size=(N, D)), columns, provenance)


@pytest.fixture
def catalogue(tmp_path):
    """Galaxies in shards, which do not say where their images are."""
    made({}).save(tmp_path / "shards", rows_per_file=150)
    return Catalogue.open(tmp_path / "shards")


@pytest.fixture
def run(compose, monkeypatch, tmp_path):
    """Keys of the task -> the rows of neighbours.csv; the run folder is `outputs`."""
    monkeypatch.chdir(tmp_path)
    cfg = compose("task=search", "task.catalogue=shards")

    def ran(**task):
        search.run(OmegaConf.merge(cfg, {"task": task}))
        with (tmp_path / "outputs" / "neighbours.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    return ran


def ids(rows):
    return [row["id"] for row in rows]


@pytest.mark.parametrize("metric", METRICS)
def test_the_nearest_of_a_galaxy_are_others(metric, run, catalogue, tmp_path):
    rows = run(like=["g007"], metric=metric, count=20)
    ((itself, *expected),) = nearest(catalogue, catalogue.embedding()[7:8], 21, metric)
    assert itself.id == "g007"
    assert ids(rows) == [neighbour.id for neighbour in expected]
    assert [float(row["distance"]) for row in rows] == pytest.approx([neighbour.distance for neighbour in expected])
    assert [int(row["rank"]) for row in rows] == list(range(1, 21))
    assert [int(row["catalogue_rank"]) for row in rows] == [neighbour.row for neighbour in expected]
    assert ("similarity" in rows[0]) is (metric == "cosine")
    report = json.loads((tmp_path / "outputs" / "report.json").read_text())
    assert report["metrics"]["search/neighbours"] == 20
    assert "There are no pictures" in (tmp_path / "outputs" / "report.md").read_text()


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_index_beside_the_catalogue_finds_the_same(metric, run, tmp_path, caplog):
    asked = {"like": ["g007", "g200"], "metric": metric, "count": 20, "columns": ["share"]}
    exact = run(**asked)
    caplog.set_level(logging.INFO)
    assert run(**asked, **SMALL) == exact
    assert (tmp_path / "shards.index" / metric / "manifest.json").is_file()
    assert "indexing 400 galaxies" in caplog.text
    assert "search: through the index" in (tmp_path / "outputs" / "report.md").read_text()
    caplog.clear()
    some = {"where": {"class": "spiral", "share": [0.1, None]}}
    assert run(**asked, **SMALL, **some) == run(**asked, **some) != exact
    assert "indexing" not in caplog.text


def test_several_examples_are_their_mean_or_queries_of_their_own(run, catalogue):
    x = catalogue.embedding().astype(float)
    rows = run(like=["g001", "g002"], metric="manhattan", count=5)
    far = distances((x[1:2] + x[2:3]) / 2, x, "manhattan")[0]
    assert ids(rows) == [IDS[row] for row in np.argsort(far) if row not in (1, 2)][:5]
    apart = run(like=["g001", "g002"], together=False, count=5)
    assert [row["query"] for row in apart] == ["g001"] * 5 + ["g002"] * 5
    assert ids(apart) == ids(run(like=["g001"], count=5)) + ids(run(like="g002", count=5))


@pytest.mark.usefixtures("catalogue")
def test_the_galaxy_at_a_place(run, caplog):
    rows = run(at=[0.0001, 0.0], count=5)
    assert ids(rows) == ids(run(like=["g007"], count=5))
    with pytest.raises(DataError, match=r"g007, 0\.7 arcsec away, more than the 0\.5"):
        run(at=[0.0001, 0.0], within_arcsec=0.5)
    with pytest.raises(ConfigError, match="right ascension and declination"):
        run(at=[0.0001])
    run(at=[0.0001, 0.0], within_arcsec=500000, count=1)
    assert re.search(r"\d+ galaxies are within 500000 arcsec .* the nearest is taken", caplog.text)


def test_vectors_of_a_file(run, catalogue, tmp_path):
    np.save(tmp_path / "v.npy", catalogue.embedding()[[7, 9]])
    rows = run(vector="v.npy", together=False, count=2)
    assert [(row["query"], row["id"]) for row in rows][::2] == [("v.npy, 0", "g007"), ("v.npy, 1", "g009")]
    wrong = {"embeddings are 6 wide": np.ones(3), "save numbers": np.array(["a"]), "cannot be read": np.array([{}])}
    for words, vector in wrong.items():
        np.save(tmp_path / "v.npy", vector)
        with pytest.raises(ConfigError, match=words):
            run(vector="v.npy")


@pytest.mark.usefixtures("catalogue")
def test_what_a_spreadsheet_would_run_is_text(run):
    rows = run(like=["g007"], count=399, columns=["class"])
    assert {row["class"] for row in rows} == {"spiral", "'=lens", "", "smooth"}


@pytest.mark.usefixtures("catalogue")
def test_what_cannot_be_searched_is_said(run):
    like = {"like": ["g001"]}
    for task, message in (
        ({}, "none says what is looked for"),
        ({"images": []}, "none says what is looked for"),
        (like | {"vector": "a.npy"}, "more than one says"),
        ({"like": ["x"]}, "no galaxy 'x'"),
        (like | {"metric": "hamming"}, "metric=hamming"),
        (like | {"where": {"shar": [0, 1]}}, "did you mean 'share'"),
        (like | {"where": {"share": [1]}}, "task.where.share=[1]"),
        (like | {"columns": ["clas"]}, "did you mean 'class'"),
        (like | {"count": 0}, "task.count=0"),
        ({"images": ["a.png"]}, "write task.checkpoint=RUN"),
    ):
        with pytest.raises((ConfigError, DataError), match=re.escape(message)):
            run(**task)


def test_conditions_are_written_on_the_command_line(compose):
    cfg = compose("task=search", "task.catalogue=a", "task.where={share: [0.5, null], class: {any: [ring, lens]}}")
    assert cfg.task.where == {"share": [0.5, None], "class": {"any": ["ring", "lens"]}}


@pytest.fixture
def pictured(compose, tmp_path):
    """The pictures of a synthetic sky, and provenance that says so."""
    node = compose("data=synthetic", "data.count=24", "data.size_px=32", f"data.cache={tmp_path}").data
    data = OmegaConf.to_container(node, resolve=True)
    source = build(OmegaConf.create(data), "data")
    return source.pictures(source.read()), {"data": data, "size_px": 32}


def test_a_gallery_is_drawn(run, pictured, tmp_path):
    pictures, provenance = pictured
    embedding = np.random.default_rng(0).normal(size=(24, 4))
    Catalogue.from_arrays(pictures.ids, embedding, {}, provenance).save(tmp_path / "shards")
    run(like=[pictures.ids[3], pictures.ids[5]], shown=9)
    with Image.open(tmp_path / "outputs" / "figures" / "gallery.png") as figure:
        assert figure.size[0] == 1200
        assert 300 < figure.size[1] < 600  # two lines
    assert "figures/gallery.png" in (tmp_path / "outputs" / "report.md").read_text()


def test_a_picture_is_embedded_as_the_catalogue_was(run, pictured, checkpoint, tmp_path):
    """The picture of a galaxy finds that galaxy, at no distance: same encoder, size and orientations."""
    import torch

    from selfsup.embed import embed, load_encoder
    from selfsup.types import Batch

    pictures, provenance = pictured
    trained = checkpoint("data.size_px=32")
    shown = np.stack(list(pictures.some(range(24))))
    batch = Batch(id=pictures.ids, image=torch.from_numpy(shown).permute(0, 3, 1, 2))
    said = {**provenance, "checkpoint": str(trained), "symmetries": 8}
    catalogue = embed(load_encoder(trained, symmetries=8), [batch], None, said)
    catalogue.save(tmp_path / "shards")
    Image.fromarray(shown[11]).save(tmp_path / "one.png")
    rows = run(images=["one.png"], metric="euclidean")
    assert rows[0]["id"] == pictures.ids[11]
    assert float(rows[0]["distance"]) == pytest.approx(0, abs=1e-4)
    assert float(rows[1]["distance"]) > 1e-3
    assert rows[0]["query"] == "one.png"
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(DataError, match=r"bad\.png: .* task\.images"):
        run(images=["bad.png"])
