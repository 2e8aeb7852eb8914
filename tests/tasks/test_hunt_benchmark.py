"""Simulated hunts by the command line: every method, every score, with intervals."""

import csv
import json

import numpy as np
import pytest

from selfsup.catalogue import Catalogue
from selfsup.tasks import hunt_benchmark
from selfsup.types import ConfigError, DataError

SMALL = ("task.labels=30", "task.tops=[5,10]", "task.components=4", "task.astronomaly.regression_trees=10")
FEW = ("task.isolation_forest.trees=10", "task.astronomaly.trees=10", "task.repeats=2")


@pytest.fixture
def catalogue(tmp_path):
    """200 galaxies, 12 of them alike and rare; of 20 nothing is known."""
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(220, 6))
    embedding[:12] += 4
    share = np.where(np.arange(220) < 12, 0.9, 0.05)
    share[200:] = np.nan
    kind = np.where(np.arange(220) < 12, "ring", "other").astype(object)
    found = Catalogue.from_arrays([f"g{i}" for i in range(220)], embedding, {"share": share, "kind": kind}, {})
    found.save(tmp_path / "galaxies.parquet")
    return tmp_path / "galaxies.parquet"


@pytest.fixture
def run(compose, monkeypatch, tmp_path, catalogue):
    monkeypatch.chdir(tmp_path)
    return lambda *o: hunt_benchmark.run(
        compose("task=hunt_benchmark", f"task.catalogue={catalogue}", *SMALL, *FEW, *o)
    )


def test_every_method_is_scored_along_its_ratings(run, tmp_path):
    scores = run("task.truth={column: share, above: 0.6}")
    methods, names = ("gp", "random", "isolation_forest", "astronomaly"), ("accuracy", "recall", "score")
    assert set(scores) == {f"hunt/{m}/{s}_{n}" for m in methods for s in names for n in (5, 10)} | {
        f"hunt/{m}/found" for m in methods
    }
    assert scores["hunt/gp/found"] > scores["hunt/random/found"]
    outputs = tmp_path / "outputs"
    with (outputs / "tables" / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 7 * 3
    last = [row for row in rows if row["method"] == "gp" and row["score"] == "found"][-1]
    assert last["ratings"] == "30"
    assert float(last["mean"]) == scores["hunt/gp/found"]
    assert float(last["low"]) <= float(last["mean"]) <= float(last["high"])
    report = json.loads((outputs / "report.json").read_text())
    assert report["facts"]["galaxies"] == 200
    assert report["facts"]["interesting"] == 12
    assert "±" in (outputs / "report.md").read_text()
    assert (outputs / "figures" / "hunts.png").stat().st_size > 10_000


def test_a_class_one_method_and_a_single_hunt(run):
    scores = run("task.truth={column: kind, class: ring}", "task.methods=[gp]", "task.repeats=1")
    assert {name.split("/")[1] for name in scores} == {"gp"}


def test_what_cannot_be_is_refused(run):
    truth = "task.truth={column: share, above: 0.6}"
    for setting, match in (
        ("methods=[gpp]", "did you mean 'gp'"),
        ("methods=[]", "none"),
        ("repeats=0", "repeats"),
        ("labels=201", "200 galaxies with a truth"),
        ("batch=31", "batch"),
    ):
        with pytest.raises(ConfigError, match=match):
            run(truth, f"task.{setting}")
    with pytest.raises(DataError, match="nothing to find"):
        run("task.truth={column: share, above: 0.99}")
