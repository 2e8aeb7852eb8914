"""A person sees what each job does: a table on a terminal, lines in a log."""

import io
import logging
from dataclasses import replace

import pytest
from rich.console import Console

from selfsup.sweeps.ledger import Record
from selfsup.sweeps.table import Table

BOTH = ["data=images", "probe=[knn,linear]"]
RECORDS = [
    Record("a", 0, [*BOTH, "seed=0"], "0", "done", value=0.51234, seconds=301.0),
    Record("b", 1, [*BOTH, "seed=1"], "1", "running", seconds=12.0),
    Record("c", 2, [*BOTH, "probe=[rings]"], "2", "failed", reason="MemoryError", seconds=3.0),
    Record("d", 3, [*BOTH, "seed=3"], "3"),
]


@pytest.fixture
def records(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "metrics.csv").write_text("step,epoch,train/loss\n9,0,1.5\n19,0,1.25\n29,0,1.")
    return [replace(record) for record in RECORDS]


def drawn(records, folder, height=40):
    console = Console(file=io.StringIO(), force_terminal=True, width=120, height=height, color_system=None)
    table = Table(records, folder, console)
    with table.shown():
        table.update()
    return console.file.getvalue()


def test_a_terminal_shows_every_job_with_what_sets_it_apart(records, tmp_path):
    text = drawn(records, tmp_path)
    for row in (
        "0    seed=0",
        "done",
        "5 min",
        "0.5123",
        "running",
        "19",
        "12 s",
        "probe=[rings]",
        "failed",
        "MemoryError",
    ):
        assert row in text, text
    assert "data=images" not in text
    assert "4 jobs: 1 running, 1 done, 1 failed, 1 pending" in text


def test_what_does_not_fit_is_left_out_but_not_what_runs_or_died(records, tmp_path):
    many = [*records, *(Record(str(number), number, [f"seed={number}"], str(number)) for number in range(4, 40))]
    text = drawn(many, tmp_path, height=20)
    assert "MemoryError" in text
    assert "running" in text
    assert "seed=39" not in text
    assert "37 pending" in text


def test_a_log_gets_a_line_for_each_change(records, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    table = Table(records, tmp_path, Console(file=io.StringIO()))
    with table.shown():
        table.update()
        assert caplog.messages == []
        records[1].state, records[1].value = "done", 0.25
        table.update()
        table.update()
        assert caplog.messages == ["job 1 (seed=1) done after 12 s: 0.25"]
    assert caplog.messages[1:] == [
        f"{tmp_path}: 4 jobs: 2 done, 1 failed, 1 pending",
        "job 2 (probe=[rings]) failed after 3 s: MemoryError",
        "job 3 (seed=3) pending",
    ]
