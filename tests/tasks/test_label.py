"""Labelling by rounds, by the command line: simulated, stopped and taken up, and with answers that people bring."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from selfsup import trees
from selfsup.data.galaxy_challenge import COLUMNS
from selfsup.tasks._campaign import ANSWERS, ASKED

VOTES = ["objective=dirichlet", "objective.dropout=0.3"]
QUICK = ["trainer.batch_size=8", "trainer.max_epochs=2"]
QUICK += ["task.first=16", "task.batch=8", "task.rounds=2", "task.passes=3", "task.shown=3", "task.draws=2"]


@pytest.fixture
def run(selfsup, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mine = [choice for choice in tiny if not choice.startswith(("probe=", "trainer.max_epochs", "trainer.batch_size"))]

    def start(*arguments):
        votes = [] if "objective=ntxent" in arguments else VOTES
        return selfsup(*mine, "task=label", *votes, *QUICK, "task.campaign=campaign", *arguments)

    return start


def rows(file):
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_its_own_trainer_settings_are_those_of_few_labels(compose):
    cfg = compose("task=label", "task.campaign=x", "objective=dirichlet", "data=gz2_counts", "data.folder=x")
    assert (cfg.trainer.max_epochs, cfg.trainer.batch_size, cfg.trainer.probe_every_epochs) == (30, 32, None)


def test_rounds_are_held_and_reported_and_go_on_where_they_were(run, tmp_path):
    ended = run("task.rounds=1", "hydra.run.dir=one")
    assert ended.code == 0, ended.err
    first = {file: file.stat().st_mtime_ns for file in (tmp_path / "campaign").rglob("*.csv")}
    ended = run("hydra.run.dir=two")
    assert ended.code == 0, ended.err
    assert {file: file.stat().st_mtime_ns for file in first} == first  # nothing is asked or trained again
    found = rows(tmp_path / "two" / "rounds.csv")
    assert [(row["round"], row["labels"]) for row in found] == [("0", "16"), ("1", "24"), ("2", "32")]
    for row in found:
        used = max((r for r in found[: int(row["round"]) + 1] if r["kept"] == "yes"), key=lambda r: int(r["round"]))
        assert row["in use: test/log_likelihood"] == used["test/log_likelihood"]
        assert float(used["val/log_likelihood"]) == max(
            float(r["val/log_likelihood"]) for r in found[: int(row["round"]) + 1]
        )
    whole = np.array([float(found[-1][f"test/log_likelihood/{question}"]) for question in trees.tree("gz2").slices])
    assert whole.min() < float(found[-1]["test/log_likelihood"]) < whole.max()
    asked = [row["id"] for number in range(3) for row in rows(tmp_path / "campaign" / f"round-{number:03d}" / ASKED)]
    assert len(asked) == len(set(asked)) == 32
    report = json.loads((tmp_path / "two" / "report.json").read_text())
    assert set(report["metrics"]) >= {"label/labels", "label/test/log_likelihood", "label/test/error"}
    for name in ("rounds", "most_information", "least_information"):
        with Image.open(tmp_path / "two" / "figures" / f"{name}.png") as figure:
            assert len(figure.convert("RGB").resize((64, 64)).getcolors(4096)) > 1
    ended = run("task.acquisition=random", "hydra.run.dir=three")
    assert ended.code == 1
    assert "another task" in ended.err


def test_shares_of_volunteers_are_revealed_as_whole_votes(selfsup, tiny, galaxies, tmp_path):
    table = rows(galaxies / "labels.csv")
    folder = tmp_path / "challenge"
    (folder / "images").mkdir(parents=True)
    for number, row in enumerate(table, start=1):
        shutil.copy(galaxies / f"{row['id']}.jpg", folder / "images" / f"{number}.jpg")
    shares = [f"{0.61 if column.startswith('Class1') else 0.173}" for column in COLUMNS]
    lines = [",".join([f"{number}", *shares]) for number in range(1, len(table) + 1)]
    (folder / "votes.csv").write_text("\n".join([",".join(("GalaxyID", *COLUMNS)), *lines]) + "\n")
    mine = [choice for choice in tiny if not choice.startswith(("data", "probe=", "trainer.max_epochs"))]
    data = ["data=galaxy_challenge", f"data.folder={folder}", "data.size_px=32", "data.label=null", "data.classes=null"]
    campaign = [f"task.campaign={tmp_path / 'campaign'}", f"hydra.run.dir={tmp_path / 'run'}"]
    ended = selfsup("task=label", *mine, *data, *VOTES, *QUICK, *campaign, "task.rounds=0", "trainer.max_epochs=1")
    assert ended.code == 0, ended.err
    answers = rows(tmp_path / "campaign" / "round-000" / ANSWERS)
    assert {row["smooth-or-featured_smooth"] for row in answers} == {"24"}  # of 40 people
    assert {row["odd-feature_ring"] for row in answers} == {"7"}


def test_people_are_waited_for_and_their_answers_are_learned_from(run, tmp_path, galaxies):
    answers = trees.tree("gz2").answers
    table = rows(galaxies / "labels.csv")
    known = [row["id"] for row in table][:60]
    with (tmp_path / "half.csv").open("w", newline="") as file:  # half of the galaxies have no votes
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows({**row, **({} if row["id"] in known else dict.fromkeys(answers, 0))} for row in table)
    wait = [f"data.table={tmp_path / 'half.csv'}", "task.ask=csv", "task.rounds=0"]
    ended = run(*wait, "hydra.run.dir=one")
    assert ended.code == 0, ended.err
    assert "round 0 waits for answers" in ended.out + ended.err
    place = tmp_path / "campaign" / "round-000"
    asked = [row["id"] for row in rows(place / ASKED)]
    assert not set(asked) & set(known)
    subjects = rows(place / "subjects" / "manifest.csv")
    assert [row["#id"] for row in subjects] == asked
    with Image.open(place / "subjects" / subjects[0]["image"]) as picture:
        assert picture.size == (32, 32)
    with (place / ANSWERS).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *answers])
        writer.writerows([galaxy, *np.arange(len(answers))] for galaxy in asked[:5])
    ended = run(*wait, "hydra.run.dir=two")
    assert ended.code == 0, ended.err
    trained = [row for row in table if row["id"] in known]
    assert 5 < int(rows(tmp_path / "two" / "rounds.csv")[0]["labels"]) < 5 + len(trained)


def test_a_wrong_choice_is_answered_with_a_right_one(run):
    for arguments, message in (
        (["objective=ntxent"], "NTXent predicts no votes; write objective=dirichlet"),
        (["objective.dropout=0"], "has no dropout"),
        (["task.ask=post"], "post is neither votes nor csv"),
        (["task.acquisition=bold", "task.rounds=1"], "bold is none of bald, entropy, random"),
    ):
        ended = run(*arguments)
        assert ended.code == 1
        assert message in ended.err
        assert "Traceback" not in ended.err
