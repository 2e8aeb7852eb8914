"""From two trainings on votes to one posterior, by the command line."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from selfsup import trees
from selfsup.catalogue import Catalogue
from selfsup.checkpoint import LAST, read_checkpoint

TREE = trees.tree("gz2")
QUICK = ["task.exact_up_to=100", "task.draws=4", "task.crowds=3", "task.shown=2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("posterior")


@pytest.fixture
def run(selfsup, folder, tiny, monkeypatch):
    """The command line in a folder with run0, a training of one epoch, and run1, a network that differs."""
    monkeypatch.chdir(folder)
    if not (folder / "run0").is_dir():
        trained = selfsup(*tiny, "objective=dirichlet", "trainer.max_epochs=1", "hydra.run.dir=run0")
        assert trained.code == 0, trained.err
        change(folder / "run0", folder / "run1")
    data = [choice for choice in tiny if choice.startswith("data.") and not choice.startswith("data.size_px")]
    return lambda *arguments: selfsup("task=posterior", "data=images", *data, *QUICK, *arguments)


def change(run, other):
    """Another checkpoint of the same kind, without the time of another training."""
    saved = read_checkpoint(run)
    torch.manual_seed(0)
    for name in ("objective.head.weight", "objective.head.bias"):
        saved["state_dict"][name] += 0.1 * torch.randn_like(saved["state_dict"][name])
    (other / LAST).parent.mkdir(parents=True)
    torch.save(saved, other / LAST)


def test_networks_and_passes_become_a_catalogue_and_a_report(run, folder):
    ended = run("task.checkpoints=[run0,run1]", "task.passes=3", "hydra.run.dir=found")
    assert ended.code == 0, ended.err
    report = json.loads((folder / "found" / "report.json").read_text())
    assert list(report["comparison"]) == ["one network", "one pass of it", "3 passes of it", "all 6"]
    for who, metrics in report["comparison"].items():
        assert {"log_likelihood", "coverage_50", "coverage_95", "ece", "bar/ece"} <= set(metrics), who
        assert metrics["coverage_50"] < metrics["coverage_80"] < metrics["coverage_95"]
    assert report["metrics"]["posterior/ece"] == report["comparison"]["all 6"]["ece"]
    assert next(iter(report["metrics"])) == "posterior/log_likelihood"
    for name in ("one_against_all", "coverage", "votes_calibration", "majority_calibration"):
        with Image.open(folder / "found" / "figures" / f"{name}.png") as figure:
            assert len(figure.convert("RGB").resize((64, 64)).getcolors(4096)) > 1
    check_catalogue(Catalogue.open(folder / "found" / "posterior.parquet"))


def check_catalogue(found):
    assert sorted(found.ids) == [f"g{number:03}" for number in range(120)]
    assert found.provenance["task"]["checkpoints"] == ["run0", "run1"]
    assert found.has("value")  # what the data set brought
    for answers in TREE.slices.values():
        names = TREE.answers[answers]
        mean, low, high, error = (
            np.stack([found.column(f"{a}_{what}") for a in names], 1) for what in ("mean", "low", "high", "error")
        )
        np.testing.assert_allclose(mean.sum(1), 1.0, rtol=1e-5)
        assert ((low >= 0) & (low < high) & (high <= 1) & (error > 0)).all()
        assert ((low < mean) & (mean < high)).mean() > 0.99
    smooth, rounded = found.column("smooth-or-featured_smooth_mean"), found.column("how-rounded_asked")
    np.testing.assert_allclose(rounded, smooth, rtol=1e-5)
    information = found.column("smooth-or-featured_information")
    assert (information > 0).all()
    assert (information <= np.log(6)).all()
    assert (found.column("smooth-or-featured_information_error") == 0).all()
    assert (found.column("odd-feature_information_error") > 0).all()


def test_without_dropout_or_votes_there_is_less_to_compare(run, folder, galaxies):
    ended = run("task.checkpoints=[run0]", "task.passes=0", "task.shown=0", "hydra.run.dir=steady")
    assert ended.code == 0, ended.err
    report = json.loads((folder / "steady" / "report.json").read_text())
    assert list(report["comparison"]) == ["one network"]
    held_out = report["facts"]["compared with votes"]
    ended = run("task.checkpoints=[run0]", "task.passes=0", "task.splits=[train,test]", "hydra.run.dir=all")
    assert ended.code == 0, ended.err
    report = json.loads((folder / "all" / "report.json").read_text())
    assert report["facts"]["compared with votes"] > 2 * held_out > 0
    ended = run("task.checkpoints=[run0]", "task.passes=2", "data.table=null", "data.tree=null", "data.label=null",
                "data.classes=null", "hydra.run.dir=unlabelled")  # fmt: skip
    assert ended.code == 0, ended.err
    report = json.loads((folder / "unlabelled" / "report.json").read_text())
    assert report["comparison"] == {}
    assert all(name.endswith("_information") for name in report["metrics"])
    assert len(Catalogue.open(folder / "unlabelled" / "posterior.parquet")) == 120


def test_symmetries_are_asked_of_every_network(run, folder):
    found = []
    for symmetries in (1, 8):
        out = f"over{symmetries}"
        ended = run("task.checkpoints=[run0]", "task.passes=0", f"task.symmetries={symmetries}", f"hydra.run.dir={out}")
        assert ended.code == 0, ended.err
        found.append(Catalogue.open(folder / out / "posterior.parquet"))
    for what in (lambda one: one.embedding(), lambda one: one.column("smooth-or-featured_smooth_mean")):
        assert not np.allclose(what(found[0]), what(found[1]), rtol=1e-5)


def test_a_wrong_choice_is_answered_with_a_right_one(run, folder):
    for arguments, message in (
        ([], "write 'task.checkpoints=[RUN1,RUN2]'"),
        (["task.checkpoints=[nowhere]"], "nowhere: no checkpoint there"),
        (["task.checkpoints=[run0]", "task.level=90"], "level = 90"),
        (["task.checkpoints=[run0]", "data.tree=rings"], "ring"),
        (["task.checkpoints=[run0]", "task.splits=[held_out]"], "['held_out'] is not a choice of train, val, test"),
    ):
        ended = run(*arguments)
        assert ended.code == 1
        assert message in ended.err
        assert "Traceback" not in ended.err
