"""Two trainings on votes against votes that they did not see, by the command line."""

import json

import pytest
from PIL import Image

UNVOTED = ["data.table=null", "data.tree=null", "data.label=null", "data.classes=null"]
QUICK = ["task.crowds=3", "task.shown=2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("posterior")


@pytest.fixture
def run(selfsup, altered, folder, tiny, monkeypatch):
    """The command line in a folder with run0, a training of one epoch, and run1, a network that differs."""
    monkeypatch.chdir(folder)
    if not (folder / "run0").is_dir():
        trained = selfsup(*tiny, "objective=dirichlet", "trainer.max_epochs=1", "hydra.run.dir=run0")
        assert trained.code == 0, trained.err
        altered(folder / "run0", folder / "run1")
    data = [choice for choice in tiny if choice.startswith("data.") and not choice.startswith("data.size_px")]
    return lambda *arguments: selfsup("task=posterior", "data=images", *data, *QUICK, *arguments)


def test_networks_and_passes_are_compared_in_a_report(run, folder):
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


def test_without_dropout_there_is_less_to_compare(run, folder):
    ended = run("task.checkpoints=[run0]", "task.passes=0", "task.shown=0", "hydra.run.dir=steady")
    assert ended.code == 0, ended.err
    report = json.loads((folder / "steady" / "report.json").read_text())
    assert list(report["comparison"]) == ["one network"]
    held_out = report["facts"]["compared with votes"]
    ended = run("task.checkpoints=[run0]", "task.passes=0", "task.splits=[train,test]", "hydra.run.dir=all")
    assert ended.code == 0, ended.err
    report = json.loads((folder / "all" / "report.json").read_text())
    assert report["facts"]["compared with votes"] > 2 * held_out > 0


def test_a_wrong_choice_is_answered_with_a_right_one(run, folder):
    for arguments, message in (
        ([], "write 'task.checkpoints=[RUN1,RUN2]'"),
        (["task.checkpoints=[nowhere]"], "nowhere: no checkpoint there"),
        (["task.checkpoints=[run0]", *UNVOTED], "no votes in test to compare with"),
        (["task.checkpoints=[run0]", "data.tree=rings"], "ring"),
        (["task.checkpoints=[run0]", "task.splits=[held_out]"], "['held_out'] is not a choice of train, val, test"),
    ):
        ended = run(*arguments)
        assert ended.code == 1
        assert message in ended.err
        assert "Traceback" not in ended.err
