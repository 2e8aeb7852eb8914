"""The strangest of a catalogue: found, listed, drawn, and reconstructed badly."""

import csv
import json

import numpy as np
import pytest
from omegaconf import OmegaConf

from selfsup.catalogue import Catalogue
from selfsup.config import build
from selfsup.tasks import outliers
from selfsup.tasks._catalogue import pictures_of
from selfsup.tasks._reconstruction_errors import painter, reconstruction_errors
from selfsup.types import ConfigError

FEW = ("task.components=4", "task.neighbours=3", "task.trees=20", "task.mixtures=1", "task.listed=7", "task.shown=4")


@pytest.fixture
def catalogue(tmp_path):
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(120, 6))
    embedding[:6] = 8 * rng.normal(size=(6, 6))
    kind = np.where(np.arange(120) < 6, "odd", "usual").astype(object)
    Catalogue.from_arrays([f"g{i}" for i in range(120)], embedding, {"kind": kind}, {}).save(tmp_path / "g.parquet")
    return tmp_path / "g.parquet"


@pytest.fixture
def node(tmp_path, compose):
    few = ["data=synthetic", "data.count=24", "data.size_px=32", f"data.cache={tmp_path / 'cache'}"]
    return OmegaConf.to_container(compose(*few).data, resolve=True)


@pytest.fixture
def sky(tmp_path, node):
    """Galaxies of the synthetic sky, a catalogue that does not say which checkpoint made it."""
    ids = build(OmegaConf.create(node), "data").read().ids
    embedding = np.random.default_rng(0).normal(size=(24, 6))
    Catalogue.from_arrays(ids, embedding, {}, {"data": node}).save(tmp_path / "sky.parquet")
    return tmp_path / "sky.parquet"


@pytest.fixture
def run(compose, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *overrides: outliers.run(compose("task=outliers", *FEW, *overrides))


def test_the_odd_ones_are_found_listed_and_counted(run, catalogue, tmp_path):
    scores = run(f"task.catalogue={catalogue}", "task.truth={column: kind, class: odd}")
    names = ("knn", "forest", "density")
    assert all(scores[f"outliers/{name}/auc"] > 0.95 for name in names)
    assert all(1 <= scores[f"outliers/{name}/beyond"] <= 6 for name in names)
    outputs = tmp_path / "outputs"
    found = Catalogue.open(outputs / "catalogue.parquet")
    assert set(found.columns) == {"kind", "outlier_knn", "outlier_forest", "outlier_density"}
    with (outputs / "tables" / "outlier_knn.csv").open() as file:
        rows = list(csv.DictReader(file))
    order = np.argsort(-found.column("outlier_knn"))[:7]
    assert [row["id"] for row in rows] == [f"g{row}" for row in order]
    page = (outputs / "report.md").read_text()
    assert "| knn, forest | 0." in page
    assert "does not say where its images are" in page


def test_the_strangest_are_drawn(run, sky, tmp_path):
    run(f"task.catalogue={sky}")
    assert (tmp_path / "outputs" / "figures" / "strangest.png").stat().st_size > 10_000
    assert len(json.loads((tmp_path / "outputs" / "report.json").read_text())["figures"]) == 1


def test_what_is_reconstructed_badly_is_a_score_too(run, sky, checkpoint, tmp_path):
    folder = checkpoint("objective=mae", "objective.decoder_dim=32")
    scores = run(f"task.catalogue={sky}", "task.reconstruct=true", f"task.checkpoint={folder}", "task.batch_size=10")
    errors = Catalogue.open(tmp_path / "outputs" / "catalogue.parquet").column("outlier_reconstruction")
    assert np.isfinite(errors).all()
    assert (errors > 0).all()
    assert "outliers/reconstruction/beyond" in scores
    assert "| knn, reconstruction |" in (tmp_path / "outputs" / "report.md").read_text()


@pytest.mark.parametrize("kind", ["mae", "denoise"])
def test_errors_are_those_of_the_picture_whatever_the_batches(kind, sky, compose, tiny):
    import torch

    parts = ["objective.decoder_dim=32", *(["objective.decoder_depth=1"] if kind == "denoise" else [])]
    cfg = compose(*tiny, f"objective={kind}", *parts)
    torch.manual_seed(0)
    part = painter(build(cfg.objective, "objective", build(cfg.encoder, "encoder")).eval(), "made")
    found = Catalogue.open(sky)
    where = compose("task=outliers", f"task.catalogue={sky}")
    pictures = pictures_of(where, found)
    errors = reconstruction_errors(part, found, pictures, 24, 2, seed=0)
    again = reconstruction_errors(part, found, pictures, 24, 2, seed=0)
    np.testing.assert_array_equal(errors, again)
    stranger = Catalogue.from_arrays(["nobody", *found.ids[5:9]], np.eye(5), {}, {})
    some = reconstruction_errors(part, stranger, pictures, 2, 2, seed=0)
    assert np.isnan(some[0])
    if kind == "denoise":  # which hides nothing at random
        np.testing.assert_allclose(some[1:], errors[5:9], rtol=1e-4)
        image = torch.from_numpy(next(pictures.some([7]))).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            squared, mask = (part.clean(image) - image).square().mean(1), part.masks(image)
        assert errors[7] == pytest.approx(float(squared[mask].mean()), rel=1e-4)


def test_what_cannot_be_is_refused(run, catalogue, sky, checkpoint):
    for setting, match in (
        ("sample=0", "sample"),
        ("smallest_variance=0", "smallest_variance"),
        ("trees=0", "trees=0"),
    ):
        with pytest.raises(ConfigError, match=match):
            run(f"task.catalogue={catalogue}", f"task.{setting}")
    with pytest.raises(ConfigError, match="which checkpoint"):
        run(f"task.catalogue={sky}", "task.reconstruct=true")
    with pytest.raises(ConfigError, match="paints nothing"):
        run(f"task.catalogue={sky}", "task.reconstruct=true", f"task.checkpoint={checkpoint('objective=ntxent')}")
