"""An interrupted training ends where an uninterrupted one ends, bit for bit, having seen every galaxy as often.

That it is so with every objective is a column of the table in tests/objectives/test_table.py.
"""

import csv
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from selfsup.checkpoint import LAST
from selfsup.tasks.pretrain import assemble
from selfsup.training.learner import Learner
from selfsup.training.loop import fit

EVERY = ["trainer.checkpoint_every_steps=2", "encoder.drop_path=0.2"]


class Killed(Exception):
    pass


def train(cfg, folder, monkeypatch=None, kill_at=None):
    """Train in this folder, from its checkpoint where there is one; returns the ids of each step."""
    parts = assemble(cfg, folder)
    seen = []

    def step(self, batch, batch_idx):
        if self.global_step == kill_at:
            raise Killed
        seen.append(batch["id"])
        return original(self, batch, batch_idx)

    original = Learner.training_step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "training_step", step)
        if kill_at is None:
            fit(parts.learner, parts.data, parts.probes, parts.loggers, folder)
        else:
            with pytest.raises(Killed):
                fit(parts.learner, parts.data, parts.probes, parts.loggers, folder)
    return seen


def last(folder):
    return torch.load(folder / LAST, weights_only=True)


def assert_same_end(one, other):
    one, other = last(one), last(other)
    keys = {"global_step", "epoch", "state_dict", "optimizer_states", "lr_schedulers"}
    keys |= {"current_model_state"} & one.keys()  # what an average is taken of
    torch.testing.assert_close({key: one[key] for key in keys}, {key: other[key] for key in keys}, rtol=0, atol=0)
    assert one["state_dict"]
    assert one["optimizer_states"][0]["state"]


@pytest.mark.promise("resume")
@pytest.mark.parametrize("kill_at", [1, 4, 5, 9])
def test_wherever_it_is_cut(kill_at, tiny, compose, tmp_path):
    """Before the first checkpoint, just after one, at an epoch's first step, and at the last step of all."""
    cfg = compose(*tiny, *EVERY)
    whole = train(cfg, tmp_path / "whole")
    before = train(cfg, tmp_path / "cut", kill_at=kill_at)
    saved = last(tmp_path / "cut")["global_step"] if (tmp_path / "cut" / LAST).is_file() else 0
    assert before[:saved] + train(cfg, tmp_path / "cut") == whole
    assert_same_end(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.promise("resume")
def test_what_was_killed_while_an_epoch_is_scored_goes_on_from_before_its_last_step(tiny, compose, tmp_path):
    """Whose end alone is saved: after the last step Lightning would begin the next epoch, and this one had no score."""
    cfg = compose(*tiny, "trainer.checkpoint_every_steps=1")
    whole = train(cfg, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:

        def killed(self):
            raise Killed

        patch.setattr(Learner, "on_train_epoch_end", killed)
        with pytest.raises(Killed):
            train(cfg, tmp_path / "cut")
    assert last(tmp_path / "cut")["global_step"] == 4
    assert whole[:4] + train(cfg, tmp_path / "cut") == whole
    assert_same_end(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.promise("resume")
@pytest.mark.parametrize("extra", ["trainer.ema_decay=0.9", "trainer.accumulate=2", "optimizer=lars", "optimizer=sgd"])
def test_averages_accumulation_and_other_optimizers_resume_too(extra, tiny, compose, tmp_path):
    cfg = compose(*tiny, *EVERY, extra)
    train(cfg, tmp_path / "whole")
    train(cfg, tmp_path / "cut", kill_at=3)
    train(cfg, tmp_path / "cut")
    assert_same_end(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.promise("resume")
def test_every_galaxy_is_seen_once_an_epoch_across_the_interruption(tiny, compose, tmp_path):
    cfg = compose(*tiny, *EVERY)
    first = train(cfg, tmp_path, kill_at=7)
    seen = first[:6] + train(cfg, tmp_path)
    for epoch in (seen[:5], seen[5:]):
        ids = [galaxy for batch in epoch for galaxy in batch]
        assert len(ids) == len(set(ids)) == 80
    assert seen[:5] != seen[5:]


@pytest.mark.promise("resume")
def test_a_finished_run_is_left_as_it_is(tiny, compose, tmp_path):
    cfg = compose(*tiny, *EVERY)
    train(cfg, tmp_path)
    end = last(tmp_path)
    assert train(cfg, tmp_path) == []
    torch.testing.assert_close(last(tmp_path)["state_dict"], end["state_dict"], rtol=0, atol=0)


def rows(folder):
    file = folder / "metrics.csv"
    if not file.is_file():
        return []
    with file.open(newline="") as table:
        return [row for row in csv.DictReader(table) if row.get("train/loss")]


@pytest.mark.promise("kills")
def test_a_killed_process_is_taken_up_by_the_command_line(tiny, compose, tmp_path):
    choices = [*tiny, *EVERY, "trainer.max_epochs=12"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(compose(*choices), whole)
    kill(choices, cut, at_step=13)
    saved = last(cut)["global_step"]
    assert 12 <= saved < 60
    early = rows(cut)[:10]
    command = [sys.executable, "-m", "selfsup", "task=resume", f"task.run={cut}"]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True, timeout=300)
    assert_same_end(whole, cut)
    assert rows(cut)[:10] == early
    assert {int(row["step"]) for row in rows(cut)} == set(range(60))
    assert (cut / "report.json").is_file()


def kill(choices, folder, at_step):
    """Start a training in a process of its own and SIGKILL it when its table shows this step."""
    command = [sys.executable, "-m", "selfsup", *choices, f"hydra.run.dir={folder}"]
    with (folder.parent / "output.txt").open("w") as output:
        process = subprocess.Popen(command, cwd=folder.parent, stdout=output, stderr=output)
        deadline = time.monotonic() + 300
        while not any(int(row["step"]) >= at_step for row in rows(folder)):
            assert process.poll() is None, (folder.parent / "output.txt").read_text()
            assert time.monotonic() < deadline, "the training never came to that step"
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
