"""Several campaigns become one comparison, by the command line."""

import json

import pytest

from selfsup.report.tables import write_csv
from selfsup.tasks._campaign_report import ROUNDS

GAIN = {"bald": 0.2, "random": 0.0}


@pytest.fixture
def folder(tmp_path):
    """Three seeds of two ways: from 100 to 400 labels, "bald" is where "random" is with twice as many."""
    for way, gain in GAIN.items():
        for seed in range(3):
            scores = [-3.0 + 0.2 * step + gain + 0.01 * seed for step in range(3)]
            rows = [
                {
                    "round": step,
                    "acquisition": way,
                    "seed": seed,
                    "labels": 100 * 2**step,
                    "in use: test/log_likelihood": v,
                }
                for step, v in enumerate(scores)
            ]
            write_csv(rows, tmp_path / "sweep" / f"{way}{seed}" / ROUNDS)
    return tmp_path / "sweep"


def test_ways_are_compared_and_labels_saved(folder, selfsup, tmp_path):
    ended = selfsup("task=label_curves", f"task.runs=[{folder}]", f"hydra.run.dir={tmp_path / 'out'}")
    assert ended.code == 0, ended.err
    metrics = json.loads((tmp_path / "out" / "report.json").read_text())["metrics"]
    assert metrics["bald/test/log_likelihood"] == pytest.approx(-2.39)
    assert metrics["random/test/log_likelihood"] == pytest.approx(-2.59)
    page = (tmp_path / "out" / "report.md").read_text()
    assert "| bald | 200 |" in page
    assert "galaxies with votes" in page
    assert "2 (2 to 2)" in page
    assert (tmp_path / "out" / "figures" / "ways.png").stat().st_size > 1000


def test_what_cannot_be_compared_is_named(folder, selfsup, tmp_path):
    for arguments, message in (
        ([f"task.runs=[{tmp_path / 'nowhere'}]"], "no rounds.csv there"),
        ([f"task.runs=[{folder}]", "task.plain=entropy"], "no campaign chose by entropy; there are: bald, random"),
        ([f"task.runs=[{folder}]", "task.measure=test/f1"], "no column 'in use: test/f1'"),
    ):
        ended = selfsup("task=label_curves", *arguments)
        assert ended.code == 1
        assert message in ended.err
    (folder / "bald2" / ROUNDS).unlink()
    ended = selfsup("task=label_curves", f"task.runs=[{folder}]")
    assert ended.code == 1
    assert "let all of them end" in ended.err
