"""Time that a training took, over its sittings."""

import json

import torch

from selfsup.checkpoint import read_checkpoint
from selfsup.training.spent import Spent


def work():
    for _ in range(30):
        torch.rand(200, 200) @ torch.rand(200, 200)


def test_nothing_is_counted_before_the_start():
    spent = Spent()
    work()
    assert spent.so_far() == {"wall_s": 0.0, "processor_s": 0.0}


def test_sittings_add_up():
    first = Spent()
    first.start()
    work()
    before = first.so_far()
    assert before["wall_s"] > 0
    assert before["processor_s"] > 0
    second = Spent()
    second.take_up({**before, "wall_s": 1000.0})
    second.start()
    work()
    assert 1000 < second.so_far()["wall_s"] < 1100
    assert second.so_far()["processor_s"] > before["processor_s"]


def test_a_run_that_was_taken_up_reports_the_time_of_all_sittings(tiny, selfsup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = selfsup(*tiny, "trainer.max_epochs=1", "hydra.run.dir=run")
    assert ended.code == 0, ended.err
    file = tmp_path / "run" / "checkpoint" / "last.ckpt"
    checkpoint = read_checkpoint(file)
    spent = checkpoint["spent"]
    assert 0 < spent["processor_s"] < 1000
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["facts"]["minutes"] >= round(spent["wall_s"] / 60, 2)
    checkpoint["spent"]["wall_s"] += 6000
    for manifest in file.parent.glob("*.json"):  # it has the old file's size and hash; without one, last.ckpt counts
        manifest.unlink()
    target = file.resolve()
    file.unlink()
    target.unlink()
    torch.save(checkpoint, file)
    again = selfsup("task=resume", "task.run=run")
    assert again.code == 0, again.err
    assert json.loads((tmp_path / "run" / "report.json").read_text())["facts"]["minutes"] >= 100
