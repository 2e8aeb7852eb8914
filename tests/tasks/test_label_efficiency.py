"""Curves over the number of labels, from a trained and an untrained start, frozen and fine-tuned."""

import json
import shutil

import pytest

LABELS = ["task.n_per_class=[2,4]", "task.draws=5"]
SHORT = ["task.finetune.steps=3", "task.finetune.batch_size=4"]


@pytest.fixture
def choices(tiny, selfsup, tmp_path, monkeypatch):
    """A trained run in `run`, and what names the same data."""
    monkeypatch.chdir(tmp_path)
    ended = selfsup(*tiny, "trainer.max_epochs=1", "hydra.run.dir=run")
    assert ended.code == 0, ended.err
    data = [choice for choice in tiny if choice.startswith("data") and "size_px" not in choice]
    starts = "task.checkpoints={scratch: null, ntxent: run}"
    return ["task=label_efficiency", *data, "probe=[]", starts, *LABELS, *SHORT, "hydra.run.dir=curves"]


def report_of(tmp_path):
    return json.loads((tmp_path / "curves" / "report.json").read_text())


@pytest.mark.parametrize("mode", ["frozen", "finetune"])
def test_a_curve_of_each_start(mode, choices, selfsup, tmp_path):
    ended = selfsup(*choices, f"task.mode={mode}")
    assert ended.code == 0, ended.err
    scores = report_of(tmp_path)["metrics"]
    assert {f"{name}/auc_n{n}" for name in ("scratch", "ntxent") for n in (2, 4)} < scores.keys()
    assert {"saved/ntxent/n2", "saved/ntxent/n4"} <= scores.keys()
    assert (tmp_path / "curves" / "figures" / "labels.png").stat().st_size > 5000
    page = (tmp_path / "curves" / "report.md").read_text()
    assert f"| ntxent | 2 | {scores['ntxent/auc_n2']:.3f} ± " in page
    assert page.count("| scratch |") >= 2


def test_both_modes_in_one_figure_and_several_trainings_of_a_start(choices, selfsup, tmp_path):
    """Draw d begins with training d modulo their number; what is untrained learns."""
    shutil.copytree(tmp_path / "run", tmp_path / "again")
    starts = "task.checkpoints={scratch: null, ntxent: [run, again]}"
    ended = selfsup(*choices, starts, "task.mode=both")
    assert ended.code == 0, ended.err
    scores = report_of(tmp_path)["metrics"]
    names = {name.split("/")[0] for name in scores if not name.startswith("saved")}
    assert names == {"scratch", "ntxent frozen", "ntxent fine-tuned"}
    kept = json.loads((tmp_path / "curves" / "curves.json").read_text())
    alone = selfsup(*choices, "task.checkpoints={scratch: null, ntxent: run}")
    assert alone.code == 0, alone.err
    assert report_of(tmp_path)["metrics"]["ntxent/auc_n2"] == scores["ntxent frozen/auc_n2"]
    fits = kept["ntxent fine-tuned"]["points"]
    assert sorted((fit["labels"], fit["draw"]) for fit in fits) == [(n, d) for n in (2, 4) for d in range(5)]
    mean = sum(fit["auc"] for fit in fits if fit["labels"] == 2) / 5
    assert scores["ntxent fine-tuned/auc_n2"] == pytest.approx(mean)


def test_an_interrupted_curve_goes_on_where_it_was(choices, selfsup, tmp_path):
    ended = selfsup(*choices, "task.mode=finetune")
    assert ended.code == 0, ended.err
    whole, file = report_of(tmp_path)["metrics"], tmp_path / "curves" / "curves.json"
    kept = json.loads(file.read_text())
    kept["scratch"]["points"][0]["auc"] = 0.125  # to be told from a fit that was made again
    del kept["scratch"]["points"][7:], kept["ntxent"]
    file.write_text(json.dumps(kept))
    again = selfsup(*choices, "task.mode=finetune")
    assert "scratch: 7 fits were made before" in again.out + again.err
    points = json.loads(file.read_text())["scratch"]["points"]
    assert len(points) == 10
    assert points[0]["auc"] == 0.125
    assert report_of(tmp_path)["metrics"]["ntxent/auc_n4"] == whole["ntxent/auc_n4"]
    other = selfsup(*choices, "task.mode=finetune", "task.finetune.lr=1e-4")  # another protocol: nothing of it is known
    assert other.code == 0, other.err
    assert json.loads(file.read_text())["scratch"]["points"][0]["auc"] != 0.125


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("task.checkpoints={scratch: null}", "none is a trained encoder"),
        ("task.plain=votes", "task.plain: votes is none of task.checkpoints"),
        ("task.mode=all", "write frozen, finetune or both"),
        ("task.metric=f1", "write auc or balanced_accuracy"),
    ],
)
def test_what_cannot_be_compared_is_refused(argument, says, selfsup, galaxies, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = selfsup("task=label_efficiency", "data=images", f"data.folder={galaxies}", argument)
    assert ended.code == 1
    assert says in ended.err
