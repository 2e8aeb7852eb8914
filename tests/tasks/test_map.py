"""A map by the command line: neighbours stay neighbours, others land among them, and the figures are there."""

import json
import re

import numpy as np
import pytest
from omegaconf import OmegaConf
from PIL import Image

from selfsup.catalogue import Catalogue
from selfsup.config import build
from selfsup.tasks import map as mapping
from selfsup.types import ConfigError, DataError

FEW = ("task.components=4", "task.tsne.max_iter=300", "task.tsne.perplexity=10", "task.score_neighbours=5")


def made(ids, provenance):
    """Galaxies in three islands, unequally many, with a colour that is one direction of the embedding."""
    rng = np.random.default_rng(0)
    island = rng.choice(3, len(ids), p=[0.5, 0.3, 0.2])
    embedding = rng.normal(size=(len(ids), 6)) + 20 * np.eye(6)[island]
    columns = {"colour": embedding[:, 4], "island": island, "group_kmeans": np.where(island == 2, -1, island)}
    return Catalogue.from_arrays(ids, embedding, columns, provenance)


@pytest.fixture
def catalogue(tmp_path):
    made([f"g{i:03}" for i in range(240)], {}).save(tmp_path / "galaxies.parquet")
    return tmp_path / "galaxies.parquet"


@pytest.fixture
def run(compose, monkeypatch, tmp_path):
    """Overrides -> the scores; the run folder is `outputs`."""
    monkeypatch.chdir(tmp_path)

    def ran(*overrides):
        return mapping.run(compose("task=map", *overrides))

    return ran


def places(tmp_path):
    found = Catalogue.open(tmp_path / "outputs" / "catalogue.parquet")
    return np.stack([found.column("map_x"), found.column("map_y")], axis=1), found.column("island")


def share_among_own(found, island):
    """Of galaxies, those whose nearest on the map is of their island."""
    distance = np.linalg.norm(found[:, None] - found[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    return (island[distance.argmin(axis=1)] == island).mean()


def test_galaxies_that_the_map_was_not_made_of_land_on_their_island(run, catalogue, tmp_path):
    scores = run(f"task.catalogue={catalogue}", "task.method=tsne", "task.fit_galaxies=120", *FEW)
    assert share_among_own(*places(tmp_path)) > 0.99
    assert "t-SNE laid out 120 galaxies" in (tmp_path / "outputs" / "report.md").read_text()
    assert scores["map/trustworthiness"] > 0.85
    assert 0.3 < scores["map/neighbours_kept"] <= 1
    assert 0.9 < scores["map/variance_explained"] < 1


def test_principal_components_are_those_of_the_embedding_and_made_twice_the_same(run, catalogue, tmp_path):
    first = run(f"task.catalogue={catalogue}", "task.method=pca", *FEW)
    found, island = places(tmp_path)
    assert share_among_own(found, island) > 0.99
    embedding = Catalogue.open(catalogue).embedding().astype(float)
    values = np.linalg.svd(embedding - embedding.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), values[:2], rtol=1e-4)
    assert run(f"task.catalogue={catalogue}", "task.method=pca", *FEW) == first


def test_the_map_is_coloured_by_columns_and_groups_and_says_why_it_has_no_pictures(run, catalogue, tmp_path):
    run(f"task.catalogue={catalogue}", "task.method=pca", *FEW)
    report = json.loads((tmp_path / "outputs" / "report.json").read_text())
    assert list(report["figures"]) == ["figures/map_colour.png", "figures/map_group_kmeans.png"]
    assert "There are no pictures: " in (tmp_path / "outputs" / "report.md").read_text()
    run(f"task.catalogue={catalogue}", "task.method=pca", "task.colour_by=[island]", *FEW)
    report = json.loads((tmp_path / "outputs" / "report.json").read_text())
    assert list(report["figures"]) == ["figures/map_island.png", "figures/map_group_kmeans.png"]


def test_pictures_of_the_sky_lie_on_the_map(run, compose, tmp_path):
    cfg = compose("data=synthetic", "data.count=24", "data.size_px=32", f"data.cache={tmp_path / 'cache'}")
    ids = build(cfg.data, "data").read().ids
    made(ids, {"data": OmegaConf.to_container(cfg.data, resolve=True)}).save(tmp_path / "sky.parquet")
    run(f"task.catalogue={tmp_path / 'sky.parquet'}", "task.method=pca", "task.n_side=6", *FEW)
    with Image.open(tmp_path / "outputs" / "figures" / "map.jpg") as image:
        sheet = np.asarray(image.convert("L"))
    assert 1190 <= max(sheet.shape) <= 1200  # it ends where the galaxies do
    assert all((sheet > 60).any(axis=axis).mean() > 0.1 for axis in (0, 1))


@pytest.mark.slow
def test_umap_end_to_end(run, catalogue, tmp_path):
    few = (*FEW, "task.fit_galaxies=120", "task.umap.n_neighbors=10")
    scores = run(f"task.catalogue={catalogue}", *few)
    assert share_among_own(*places(tmp_path)) > 0.99
    assert scores["map/trustworthiness"] > 0.85
    assert run(f"task.catalogue={catalogue}", *few) == scores


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.method=tsn", "did you mean 'tsne'"),
        ("task.components=1", "task.components=1: write 2 or more"),
        ("task.umap.n_neighbors=240", "task.umap.n_neighbors=240 for a map of 240 galaxies"),
        ("task.colour_by=[color]", "did you mean 'colour'"),
    ],
)
def test_what_cannot_be_is_said(run, catalogue, override, message):
    with pytest.raises((ConfigError, DataError), match=re.escape(message)):
        run(f"task.catalogue={catalogue}", override)
