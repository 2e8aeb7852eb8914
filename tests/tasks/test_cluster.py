"""Groups in a catalogue by the command line: found again, the same for any order of files, and shown."""

import csv
import json
import re

import numpy as np
import pytest
from omegaconf import OmegaConf

from selfsup.catalogue import Catalogue
from selfsup.config import build
from selfsup.tasks import cluster
from selfsup.types import ConfigError, DataError

FORMS = np.array(["disc", "elliptical", "merger"], dtype=object)
FEW = ("task.hdbscan.min_samples=5", "task.kmeans.clusters=3", "task.gmm.clusters=3", "task.components=4")


def made(ids, provenance):
    """Galaxies of three forms, of unequal number, which the embedding shows; their colours, which it does not."""
    rng = np.random.default_rng(0)
    form = rng.choice(3, len(ids), p=[0.5, 0.3, 0.2])
    columns = {"label": FORMS[form], "colour": rng.normal(size=len(ids)), "redshift": form + 0.5}
    return Catalogue.from_arrays(ids, rng.normal(size=(len(ids), 6)) + 15 * np.eye(6)[form], columns, provenance)


@pytest.fixture
def catalogue(tmp_path):
    """300 galaxies in three shards, which do not say where their images are."""
    made([f"g{i:03}" for i in range(300)], {}).save(tmp_path / "shards", rows_per_file=110)
    return tmp_path / "shards"


@pytest.fixture
def run(compose, monkeypatch, tmp_path):
    """Overrides -> the scores; the run folder is `outputs`."""
    monkeypatch.chdir(tmp_path)

    def ran(*overrides):
        return cluster.run(compose("task=cluster", *overrides))

    return ran


def test_forms_are_found_and_colour_is_not(run, catalogue, tmp_path):
    scores = run(f"task.catalogue={catalogue}", "task.fit_galaxies=200", "task.hdbscan.fit_galaxies=150", *FEW)
    for name in ("kmeans", "gmm"):
        assert scores[f"cluster/{name}/ari_label"] == 1.0
    assert scores["cluster/hdbscan/nmi_label"] > 0.8
    assert scores["cluster/kmeans/silhouette"] > 0.6
    assert max(value for name, value in scores.items() if name.endswith("nmi_colour")) < 0.05
    assert (scores["cluster/hdbscan/groups"], scores["cluster/gmm/converged"]) == (3.0, 1.0)
    found = Catalogue.open(tmp_path / "outputs" / "catalogue.parquet")
    assert found.columns[-4:] == ["group_kmeans", "group_hdbscan", "group_gmm", "group_gmm_probability"]
    groups, label = found.column("group_kmeans"), found.column("label")
    assert np.bincount(groups).tolist() == sorted(np.unique(label, return_counts=True)[1], reverse=True)
    assert set(label[groups == 0]) == {"disc"}
    assert found.column("group_gmm_probability").min() > 0.9
    assert found.provenance == {}
    assert "HDBSCAN was fitted on 150 galaxies" in (tmp_path / "outputs" / "report.md").read_text()


def test_tables_and_figures_and_why_there_are_no_pictures(run, catalogue, tmp_path):
    run(f"task.catalogue={catalogue}", "task.methods=[kmeans]", "task.columns=[redshift]", *FEW)
    with (tmp_path / "outputs" / "tables" / "groups.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["group"] for row in rows] == ["0", "1", "2"]
    assert [float(row["redshift"]) for row in rows] == [0.5, 1.5, 2.5]
    assert sum(int(row["galaxies"]) for row in rows) == 300
    report = json.loads((tmp_path / "outputs" / "report.json").read_text())
    assert list(report["comparison"]) == ["k-means"]
    assert report["metrics"]["cluster/kmeans/nmi_redshift"] > 0.7
    assert list(report["figures"]) == ["figures/groups.png"]
    text = (tmp_path / "outputs" / "report.md").read_text()
    assert "There are no pictures: " in text
    assert "| group | galaxies | share | redshift |" in text


def test_examples_of_the_groups_are_pictures_of_the_sky(run, compose, tmp_path):
    cfg = compose("data=synthetic", "data.count=24", "data.size_px=32", f"data.cache={tmp_path / 'cache'}")
    ids = build(cfg.data, "data").read().ids
    made(ids, {"data": OmegaConf.to_container(cfg.data, resolve=True)}).save(tmp_path / "sky.parquet")
    run(f"task.catalogue={tmp_path / 'sky.parquet'}", "task.methods=[gmm]", *FEW)
    report = json.loads((tmp_path / "outputs" / "report.json").read_text())
    assert list(report["figures"]) == ["figures/groups.png", "figures/gmm.png"]
    assert (tmp_path / "outputs" / "figures" / "gmm.png").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.methods=[kmean]", "did you mean 'kmeans'"),
        ("task.kmeans.clusters=1", "task.kmeans.clusters: it must be 2 or more"),
        ("task.components=0", "task.components: it must be 1 or more"),
        ("task.hdbscan.min_cluster_shares=[0.1,2]", "task.hdbscan.min_cluster_shares="),
        ("task.columns=[lable]", "did you mean 'label'"),
    ],
)
def test_what_cannot_be_is_said(run, catalogue, override, message):
    with pytest.raises((ConfigError, DataError), match=re.escape(message)):
        run(f"task.catalogue={catalogue}", override)
