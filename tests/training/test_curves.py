"""Each row of metrics.csv is there once, wherever the training was killed."""

import csv
import resource

import lightning as L
import pytest

from selfsup.checkpoint import finished
from selfsup.tasks.pretrain import assemble
from selfsup.training.curves import Curves
from selfsup.training.loggers import MetricsCSV
from selfsup.training.loop import fit
from selfsup.types import DataError

PROBED = ["probe=[knn]", "probe.knn.ks=[5]", "trainer.probe_every_epochs=1", "trainer.max_epochs=3"]
EVERY = "trainer.checkpoint_every_steps=1"


class Killed(BaseException):
    """Nobody within hears of it, as of a SIGKILL."""


class KilledAt(L.Callback):
    """Just before the table gets its n-th row, or just after."""

    def __init__(self, number, after):
        self.number, self.after = number, after

    def setup(self, trainer, pl_module, stage):
        log = trainer.logger.log_metrics
        rows = iter(range(100))

        def logged(metrics, step):
            place = next(rows)
            if place == self.number and not self.after:
                raise Killed
            log(metrics, step)
            trainer.logger.save()
            if place == self.number:
                raise Killed

        trainer.logger.log_metrics = logged


def train(cfg, folder, *watchers):
    parts = assemble(cfg, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(parts.loggers[0]), "finalize", lambda *_: None)
        fit(parts.learner, parts.data, parts.probes, parts.loggers, folder, watchers)


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as table:
        return [{name: value for name, value in row.items() if value} for row in csv.DictReader(table)]


@pytest.mark.promise("kills", faults=8)
def test_every_row_is_there_once_whichever_was_the_last_before_the_kill(tiny, compose, tmp_path):
    """17 rows: 15 steps, and the scores after two of the epochs."""
    cfg = compose(*tiny, *PROBED, EVERY, "trainer.log_every_steps=1")
    train(cfg, tmp_path / "whole")
    whole = rows(tmp_path / "whole")
    assert len(whole) == 17
    for number in (0, 4, 5, 16):
        for after in (False, True):
            folder = tmp_path / f"{number}{after}"
            with pytest.raises(Killed):
                train(cfg, folder, KilledAt(number, after))
            train(cfg, folder)
            assert rows(folder) == whole, (number, after)


@pytest.mark.promise("kills")
@pytest.mark.parametrize("number", [1, 3])
def test_a_training_that_saves_less_often_than_it_logs_forgets_what_is_done_again(number, tiny, compose, tmp_path):
    cfg = compose(*tiny, "trainer.log_every_steps=2")
    train(cfg, tmp_path / "whole")
    with pytest.raises(Killed):
        train(cfg, tmp_path / "cut", KilledAt(number, after=True))
    assert bool(finished(tmp_path / "cut")) == (number > 1)
    train(cfg, tmp_path / "cut")
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_final_scores_of_a_report_that_is_made_again_are_not_there_twice(tmp_path):
    table = MetricsCSV(str(tmp_path))
    for step in range(3):
        table.log_metrics({"loss": 0.5, "epoch": 0}, step)
    table.log_metrics({"score": 1.0}, 0)
    table.save()
    again = MetricsCSV(str(tmp_path))
    again.take_up(step=2, epoch=0, row={"val": 0.25}, whole=True)
    assert [(row["step"], row.get("val")) for row in rows(tmp_path)] == [
        ("0", None),
        ("1", None),
        ("2", None),
        ("2", "0.25"),
    ]


@pytest.mark.promise("disk")
def test_a_table_for_which_there_is_no_room_is_named_and_left_whole(tmp_path, monkeypatch):
    table = MetricsCSV(str(tmp_path))
    table.log_metrics({"loss": 0.5, "epoch": 0}, 0)
    table.save()
    before = (tmp_path / "metrics.csv").read_bytes()
    table.log_metrics({"loss": 0.5, "epoch": 0}, 1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 2, limits[1]))
    try:
        with pytest.raises(DataError, match=r"metrics.csv: the row of step 1 could not be written \(File too large"):
            table.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "metrics.csv").read_bytes() == before


def test_a_checkpoint_of_before_says_nothing_and_is_taken_up(tiny, compose, tmp_path):
    cfg = compose(*tiny, EVERY)
    train(cfg, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Curves, "on_save_checkpoint", lambda *_: None)
        with pytest.raises(Killed):
            train(cfg, tmp_path / "cut", KilledAt(6, after=True))
    train(cfg, tmp_path / "cut")
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
