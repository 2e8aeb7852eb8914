"""Curves over the number of labels, from a trained and an untrained start, frozen and fine-tuned."""

import json

import pytest

LABELS = ["task.n_per_class=[2,4]", "task.draws=5"]
SHORT = ["task.mode=finetune", "task.finetune.steps=3", "task.finetune.batch_size=4"]


@pytest.fixture
def choices(tiny, selfsup, tmp_path, monkeypatch):
    """A trained run in `run`, and what names the same data."""
    monkeypatch.chdir(tmp_path)
    ended = selfsup(*tiny, "trainer.max_epochs=1", "hydra.run.dir=run")
    assert ended.code == 0, ended.err
    data = [choice for choice in tiny if choice.startswith("data") and "size_px" not in choice]
    starts = "task.checkpoints={scratch: null, ntxent: run}"
    return ["task=label_efficiency", *data, "probe=[]", starts, *LABELS, "hydra.run.dir=curves"]


def test_frozen_and_fine_tuned_curves(choices, selfsup, tmp_path):
    for mode in ([], SHORT):
        ended = selfsup(*choices, *mode)
        assert ended.code == 0, ended.err
        points = json.loads((tmp_path / "curves" / "curves.json").read_text())
        assert list(points) == ["scratch", "ntxent"]
        for found in points.values():
            assert found["labels"] == [2.0] * 5 + [4.0] * 5
            assert found["draw"] == [0.0, 1.0, 2.0, 3.0, 4.0] * 2
            assert all(0 <= value <= 1 for value in found["auc"])
        report = json.loads((tmp_path / "curves" / "report.json").read_text())
        mean = sum(points["ntxent"]["auc"][:5]) / 5
        assert report["metrics"]["ntxent/auc_n2"] == pytest.approx(mean)
        assert {"saved/ntxent/n2", "saved/ntxent/n4"} <= report["metrics"].keys()
        said = report["facts"]["labels saved by ntxent against scratch, at 2 of each class"]
        assert said.endswith("times")
        assert (tmp_path / "curves" / "figures" / "labels.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("task.checkpoints={scratch: null}", "none is a trained encoder"),
        ("task.plain=votes", "task.plain: votes is none of task.checkpoints"),
        ("task.mode=both", "write frozen or finetune"),
        ("task.metric=f1", "write auc or balanced_accuracy"),
    ],
)
def test_what_cannot_be_compared_is_refused(argument, says, selfsup, galaxies, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = selfsup("task=label_efficiency", "data=images", f"data.folder={galaxies}", argument)
    assert ended.code == 1
    assert says in ended.err
