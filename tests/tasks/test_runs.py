"""What is read from a file of predictions, whatever runs are named and however columns are called."""

from pathlib import Path

import numpy as np
import pytest

from selfsup import trees
from selfsup.catalogue import Catalogue
from selfsup.probes.verdict import Relevance
from selfsup.tasks._predictions import FILE
from selfsup.tasks._predictors import predictors
from selfsup.tasks._runs import Run, labels, open_runs
from selfsup.tasks._sections import differences
from selfsup.types import ConfigError

TREE = trees.tree("rings")
COLUMNS = {
    "ring": np.array([0.0, 1.0, -1.0, np.nan]),
    "T": np.array([-5.0, np.nan, 3.0, 10.0]),
    "ring_yes_votes": np.array([30, 2, 0, 20], dtype=np.float32),
    "ring_no_votes": np.array([10, 38, 0, 20], dtype=np.float32),
    "ring_yes_share": np.array([0.75, 0.05, np.nan, 0.5]),
    "ring_no_share": np.array([0.25, 0.95, np.nan, 0.5]),
    "a/T": np.arange(4.0),  # the data's own column, which no probe called a made
}
PREDICTIONS = {
    "linear/ring=0": np.array([0.9, 0.2, 0.5, 0.5], dtype=np.float32),
    "linear/ring=1": np.array([0.1, 0.8, 0.5, 0.5], dtype=np.float32),
    "regression/T": np.array([-4.0, 1.0, 2.5, np.nan], dtype=np.float32),
    "votes/ring_yes_share": np.array([0.6, 0.1, 0.5, np.nan], dtype=np.float32),
    "votes/ring_no_share": np.array([0.2, 0.3, 0.5, np.nan], dtype=np.float32),
}


def write(folder, title="ntxent · resnet18 · images · seed 0", **provenance):
    folder.mkdir(parents=True)
    about = {"title": title, "predictions": list(PREDICTIONS), "tree": "rings", "images": "gone", "size_px": 8}
    found = Catalogue.from_arrays(list("wxyz"), np.zeros((4, 2)), COLUMNS | PREDICTIONS, about | provenance)
    found.save(folder / FILE)
    return Run(folder, found)


def test_each_probe_is_read_as_what_it_predicts(tmp_path):
    run = write(tmp_path / "run")
    assert list(run.said) == ["linear", "regression", "votes"]
    classes = run.classes("linear")["ring"]
    assert classes.names == ("0", "1")
    assert classes.rows.tolist() == [0, 1]
    assert classes.said.tolist() == classes.true.tolist() == [0, 1]
    values = run.values("regression")["T"]
    assert (values.rows.tolist(), values.true.tolist(), values.said.tolist()) == ([0, 2], [-5.0, 3.0], [-4.0, 2.5])
    question = run.questions("votes", Relevance(fewest_asked=5, asked_share=0.5))["ring"]
    assert question.rows.tolist() == [0, 1]
    np.testing.assert_allclose(question.chance, [[0.75, 0.25], [0.25, 0.75]], rtol=1e-6)
    assert run.values("votes") == run.classes("votes") == run.questions("linear", Relevance(5, 0.5)) == {}


def test_without_a_tree_shares_are_numbers_like_others(tmp_path):
    run = write(tmp_path / "run", tree=None)
    assert run.questions("votes", Relevance(5, 0.5)) == {}


def test_runs_are_named_by_what_tells_them_apart(tmp_path):
    one, two = write(tmp_path / "a"), write(tmp_path / "b", "dino · resnet18 · images · seed 0")
    assert labels([one, two]) == ["ntxent", "dino"]
    assert labels([one]) == ["ntxent"]
    assert labels([one, write(tmp_path / "c")]) == ["a", "c"]
    assert labels([one, write(tmp_path / "d" / "a")]) == [str(tmp_path / "a"), str(tmp_path / "d" / "a")]


def test_patterns_name_many_runs_and_each_counts_once(tmp_path, monkeypatch):
    write(tmp_path / "a"), write(tmp_path / "b")
    (tmp_path / "c").mkdir()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / FILE).write_bytes(b"torn")
    Catalogue.from_arrays(["x"], np.zeros((1, 2)), {}, {}).save(tmp_path / "e" / FILE)
    monkeypatch.chdir(tmp_path)
    runs, missing = open_runs(["?", "b", str(Path("nowhere"))])
    assert [run.folder.name for run in runs] == ["a", "b"]
    assert list(missing) == ["c", "d", "e", "nowhere"]
    assert "task=probe task.checkpoint=c" in missing["c"]
    assert "without predictions" in missing["e"]
    with pytest.raises(ConfigError, match=r"(?s)no run with predictions.*nowhere"):
        open_runs(["nowhere"])


def test_questions_of_several_trees_stay_apart(tmp_path):
    tree = trees.tree("gz2")
    zeros = {f"{answer}_votes": np.zeros(4) for answer in tree.answers}
    said = {f"votes/{answer}_share": np.full(4, 0.1) for answer in tree.answers}
    known = {f"{answer}_share": np.full(4, 0.1) for answer in tree.answers}
    write(tmp_path / "a")
    about = {"title": "b", "predictions": list(said), "tree": "gz2", "images": "gone", "size_px": 8}
    Catalogue.from_arrays(list("wxyz"), np.zeros((4, 2)), zeros | said | known, about).save(tmp_path / "b" / FILE)
    runs, _ = open_runs([str(tmp_path / "*")])
    found = predictors(runs, Relevance(0, 0.0))
    questions = [question for each in found for question in each.questions]
    assert "ring (rings)" in questions
    assert "bar (gz2)" in questions
    assert differences(runs) == ["The votes are of several trees (gz2, rings): a question of one is none of another."]
    assert [list(each.questions) for each in predictors(runs[:1], Relevance(0, 0.0))] == [[], [], ["ring"]]
