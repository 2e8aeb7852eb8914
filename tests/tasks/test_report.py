"""From a training and a probing to tables and figures, by the command line."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, precision_recall_fscore_support, roc_auc_score

from selfsup import trees
from selfsup.catalogue import Catalogue

TREE = trees.tree("gz2")
PROBES = [
    "probe=[linear,knn,votes,regression,rings]", "probe.knn.ks=[5]", "probe.regression.column=value",
    "probe.rings.n_per_class=[4]", "probe.rings.draws=5", "probe.linear.cs=[0.1]",
]  # fmt: skip
LOOSE = [
    "task.fewest_asked=5",
    "task.asked_share=0.01",
    "task.confident=0.6",
    "task.bins=2",
    "task.draws=50",
    "task.detailed=1",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture
def run(selfsup, folder, tiny, monkeypatch):
    """The command line in a folder with runs/trained (votes), and runs/probed: the same encoder scored once more."""
    monkeypatch.chdir(folder)
    if not (folder / "runs").is_dir():
        once = ["objective=dirichlet", "trainer.max_epochs=1", "hydra.run.dir=runs/trained"]
        ended = selfsup(*tiny, *PROBES, *once)
        assert ended.code == 0, ended.err
        data = [choice for choice in tiny if choice.startswith("data.") and not choice.startswith("data.size_px")]
        again = ["task=probe", "task.checkpoint=runs/trained", "data=images", "task.pixel_components=8"]
        ended = selfsup(*again, *data, "probe=[linear]", "hydra.run.dir=runs/probed")
        assert ended.code == 0, ended.err
    return lambda *arguments: selfsup("task=report", *LOOSE, *arguments)


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_its_predictions_beside_the_truth(run, folder):
    found = Catalogue.open(folder / "runs" / "trained" / "predictions.parquet")
    assert found.dim > 1
    kinds = found.column("label")
    for who in ("linear", "knn"):
        both = found.column(f"{who}/label=round") + found.column(f"{who}/label=elongated")
        np.testing.assert_allclose(both, 1.0, rtol=1e-5)
        said = np.where(found.column(f"{who}/label=round") > 0.5, "round", "elongated")
        report = json.loads((folder / "runs" / "trained" / "report.json").read_text())["metrics"]
        assert (said == kinds).mean() == pytest.approx(report[f"probe/{who}/accuracy"])
    error = np.abs(found.column("regression/value") - found.column("value")).mean()
    assert error == pytest.approx(report["probe/regression/mae"], rel=1e-4)
    names = [f"{answer}_share" for answer in TREE.answers]
    for who, metric in (("votes", "probe/votes/mae"), ("head", "head/votes_mae")):
        errors = [np.abs(found.column(f"{who}/{name}") - found.column(name)) for name in names]
        assert np.nanmean(errors) == pytest.approx(report[metric], rel=1e-3)
    counts = np.stack([found.column(f"{answer}_votes") for answer in TREE.answers], axis=1)
    np.testing.assert_allclose(
        TREE.shares(TREE.fractions(counts)), np.stack([found.column(name) for name in names], axis=1), rtol=1e-5
    )
    assert {name for name in found.columns if "/" in name} == set(found.provenance["predictions"])
    assert {name.partition("/")[0] for name in found.provenance["predictions"]} == {
        "linear", "knn", "votes", "regression", "rings", "head",
    }  # fmt: skip


def test_runs_become_tables_and_figures(run, folder):
    ended = run(
        "task.runs=[runs/*,runs/none]", "task.detailed=3", "task.by=[value,colour_of_hope]", "hydra.run.dir=found"
    )
    assert ended.code == 0, ended.err
    page = (folder / "found" / "report.md").read_text()
    assert "runs/none is left out: no predictions.parquet there" in page
    assert "'colour_of_hope', a column without numbers" in page
    assert "## Volunteers' answers" in page
    assert "## Classes" in page
    assert "## Numbers" in page
    check_choices(folder)
    check_thresholds(folder)
    bins = table(folder / "found" / "tables" / "bins.csv")
    assert {row["score_of"] for row in bins} == {"accuracy", "mean absolute error", "bias", "scatter"}
    assert all(float(row["lower"]) <= float(row["score"]) <= float(row["upper"]) for row in bins if row["lower"])
    figures = json.loads((folder / "found" / "report.json").read_text())["figures"]
    kinds = {name.partition("_")[2].partition(".")[0] for name in figures}
    assert kinds == {"roc", "roc_answers", "confusion", "labels", "numbers", "accuracy", "error", "sample", "mistakes"}
    for name in figures:
        with Image.open(folder / "found" / name) as figure:
            assert len(figure.convert("RGB").resize((64, 64)).getcolors(4096)) > 1


def check_choices(folder):
    """The head's row of one question, beside scikit-learn on the file of predictions."""
    found = Catalogue.open(folder / "runs" / "trained" / "predictions.parquet")
    names = TREE.answers[TREE.slices["smooth-or-featured"]]
    votes, said = (
        np.stack([found.column(f"{start}{a}{end}") for a in names], axis=1)
        for start, end in (("", "_votes"), ("head/", "_share"))
    )
    for which, above in (("all", 0.0), ("confident", 0.6)):
        keep = (votes.sum(1) >= 5) & (votes.max(1) / votes.sum(1).clip(min=1) > above)
        true, best = votes[keep].argmax(1), said[keep].argmax(1)
        (row,) = [
            row
            for row in table(folder / "found" / "tables" / "answers.csv")
            if row["predictor"].endswith(", head") and row["question"] == "smooth-or-featured" and row["of"] == which
            and "probed" not in row["predictor"] and " on " not in row["predictor"]
        ]  # fmt: skip
        assert int(row["galaxies"]) == keep.sum() > 0
        assert float(row["accuracy"]) == pytest.approx(accuracy_score(true, best))
        scores = precision_recall_fscore_support(true, best, average="weighted", zero_division=0)[:3]
        assert [float(row[name]) for name in ("precision", "recall", "f1")] == pytest.approx(scores)


def check_thresholds(folder):
    """Rings probe: the second of two classes is looked for."""
    found = Catalogue.open(folder / "runs" / "trained" / "predictions.parquet")
    chance, true = found.column("linear/label=elongated"), found.column("label") == "elongated"
    rows = table(folder / "found" / "tables" / "thresholds.csv")
    mine = [r for r in rows if r["predictor"].endswith("linear") and " on " not in r["predictor"]]
    assert [row["answer"] for row in mine] == [sorted({"round", "elongated"})[1]] * 3
    chance, true = 1 - chance, ~true
    for row, threshold in zip(mine, (0.2, 0.5, 0.8), strict=True):
        assert float(row["threshold"]) == threshold
        assert float(row["tpr"]) == pytest.approx((chance[true] > threshold).mean())
        assert float(row["accuracy"]) == pytest.approx(((chance > threshold) == true).mean())
    (area,) = [
        row["auc"]
        for row in table(folder / "found" / "tables" / "roc.csv")
        if row["predictor"].endswith("linear") and " on " not in row["predictor"]
    ]
    assert float(area) == pytest.approx(roc_auc_score(true, chance), abs=1e-6)


def test_what_is_not_there_is_named(run, folder):
    shutil.copytree(folder / "runs" / "trained", folder / "bare", dirs_exist_ok=True)
    file = folder / "bare" / "predictions.parquet"
    found = Catalogue.open(file)
    kept = {name: found.column(name) for name in found.columns}
    provenance = found.provenance | {"images": str(folder / "cleared"), "title": "bare"}
    other = [f"other-{galaxy}" for galaxy in found.ids]
    Catalogue.from_arrays(other, found.embedding(), kept, provenance).save(file)
    ended = run("task.runs=[runs/trained,bare]", "task.fewest_asked=10000", "hydra.run.dir=less")
    assert ended.code == 0, ended.err
    page = (folder / "less" / "report.md").read_text()
    assert "scored on different galaxies" in page
    assert "No galaxy counts for smooth-or-featured, " in page
    assert table(folder / "less" / "tables" / "roc.csv")
    ended = run("task.runs=bare", "hydra.run.dir=blind")
    assert ended.code == 0, ended.err
    assert "no pictures of its galaxies" in (folder / "blind" / "report.md").read_text()
    assert not list((folder / "blind" / "figures").glob("*.jpg"))


def test_a_wrong_choice_is_answered_with_a_right_one(run):
    for arguments, message in (
        ([], "task.runs: not set"),
        (["task.runs=[nowhere]"], "no run with predictions"),
        (["task.runs=[runs/trained]", "task.level=95"], "task.level=[95]: write numbers between 0 and 1"),
        (["task.runs=[runs/trained]", "task.bins=0"], "task.bins=0: write 1 or more"),
    ):
        ended = run(*arguments)
        assert ended.code == 1
        assert message in ended.err
        assert "Traceback" not in ended.err
