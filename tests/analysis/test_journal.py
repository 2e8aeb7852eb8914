"""What is acknowledged is there: after any kill, with any neighbour, and with half a line at the end."""

import logging
import os
import random
import resource
import signal
import subprocess
import sys
import time
from datetime import datetime
from itertools import groupby

import pytest

from selfsup.analysis.journal import OFFERED, WITHDRAWN, Journal
from selfsup.types import DataError

EDITOR = """
import sys
from pathlib import Path
from selfsup.analysis.journal import Journal
journal, who, count = Journal(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
for number in range(count):
    journal.add([(f"{who}-{number}", number % 6)], who)
    print(number, flush=True)
"""


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "hunt" / "ratings.jsonl")


def editor(journal, who, count):
    return subprocess.Popen(
        [sys.executable, "-c", EDITOR, str(journal.path), who, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_the_latest_rating_counts_and_everything_is_kept(journal):
    journal.add([("a", 3), ("b", 5)], "ann")
    journal.add([("a", 4.5)], "bob")
    journal.add([("b", WITHDRAWN), ("c", OFFERED)], "ann")
    again = Journal(journal.path)
    assert again.ratings() == journal.ratings() == {"a": 4.5}
    assert again.seen() == {"a", "b", "c"}
    assert [(entry.sequence, entry.id, entry.rating, entry.who) for entry in again.entries()] == [
        *((1, "a", 3.0, "ann"), (2, "b", 5.0, "ann"), (3, "a", 4.5, "bob")),
        *((4, "b", WITHDRAWN, "ann"), (5, "c", OFFERED, "ann")),
    ]


def test_what_was_said_at_once_is_told_by_its_time_also_where_the_clock_stands_still(journal, monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, zone=None):
            return cls(2026, 1, 2, 3, 4, 5, tzinfo=zone)

    monkeypatch.setattr("selfsup.analysis.journal.datetime", Clock)
    for batch in (["a", "b"], ["c"], ["d", "e"]):
        journal.add([(name, OFFERED) for name in batch], "ann")
    times = [entry.when for entry in Journal(journal.path).entries()]
    assert [len(list(batch)) for _, batch in groupby(times)] == [2, 1, 2]


def test_a_journal_that_is_not_there_is_empty_and_reading_does_not_make_it(journal):
    assert journal.ratings() == {}
    assert not journal.path.parent.exists()


@pytest.mark.promise("inputs")
@pytest.mark.parametrize("rating", [-1, 5.1, float("nan"), float("inf"), True, "3", None])
def test_what_is_no_rating_is_refused_and_nothing_is_written(journal, rating):
    journal.add([("a", 1)], "ann")
    with pytest.raises(DataError, match="from 0 to 5"):
        journal.add([("b", 2), ("c", rating)], "ann")
    assert Journal(journal.path).ratings() == {"a": 1.0}


@pytest.mark.promise("kills", faults=3)
def test_a_line_is_whole_on_the_disk_before_it_is_acknowledged(journal, monkeypatch):
    forced = []
    real = os.fsync

    def fsync(descriptor):
        real(descriptor)
        if journal.path.exists():
            forced.append(journal.path.read_bytes().count(b"\n"))

    monkeypatch.setattr(os, "fsync", fsync)
    for number in range(3):
        journal.add([(f"g{number}", number)], "ann")
        assert forced[-1] == number + 1


@pytest.mark.promise("kills", faults=14)
def test_half_a_line_is_dropped_wherever_it_is_cut(journal, caplog):
    journal.add([("a", 1), ("ü\n", 2)], "ann")
    whole = journal.path.read_bytes()
    start = whole.index(b"\n") + 1
    for cut in range(start + 1, len(whole), 7):
        journal.path.write_bytes(whole[:cut])
        with caplog.at_level(logging.WARNING):
            again = Journal(journal.path)
            assert again.ratings() == {"a": 1.0}
        assert "torn" in caplog.text
        again.add([("c", 3)], "bob")
        assert Journal(journal.path).ratings() == {"a": 1.0, "c": 3.0}
        assert [entry.sequence for entry in Journal(journal.path).entries()] == [1, 2]


@pytest.mark.promise("kills")
@pytest.mark.parametrize("line", [b"no json", b'{"id": "a"}', b"\0\0\0", b'{"sequence": 1, "id": "z", "rating": 9}'])
def test_a_broken_line_in_the_middle_is_an_error_that_names_it(journal, line):
    journal.add([("a", 1)], "ann")
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + line + b"\n" + whole)
    with pytest.raises(DataError, match="line 2"):
        Journal(journal.path).ratings()


@pytest.mark.promise("writers")
def test_lines_out_of_order_are_an_error(journal):
    journal.add([("a", 1)], "ann")
    journal.path.write_bytes(journal.path.read_bytes() * 2)
    with pytest.raises(DataError, match="sequence 1 does not follow 1"):
        Journal(journal.path).entries()


@pytest.mark.promise("disk")
def test_a_full_disk_adds_nothing_and_spoils_nothing(journal):
    journal.add([("a", 1)], "ann")
    before, limits = journal.path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            journal.add([("b", 2)], "ann")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert journal.path.read_bytes() == before
    assert [entry.sequence for entry in journal.add([("b", 2)], "ann")] == [2]
    assert Journal(journal.path).ratings() == {"a": 1.0, "b": 2.0}


@pytest.mark.promise("writers")
def test_editors_at_once_lose_nothing(journal):
    editors = [editor(journal, who, 60) for who in ("ann", "bob", "cat")]
    mine = [journal.add([(f"me-{number}", 0)], "me") for number in range(60)]
    assert [process.communicate()[0].count("\n") for process in editors] == [60] * 3
    found = Journal(journal.path)
    assert len(found.ratings()) == 240
    assert [entry.sequence for entry in found.entries()] == list(range(1, 241))
    assert [entry.sequence for entry in journal.entries()] == list(range(1, 241))
    assert len(mine) == 60


@pytest.mark.promise("kills", faults=8)
def test_a_killed_editor_loses_nothing_that_was_acknowledged(journal):
    chance = random.Random(0)
    for life in range(8):
        process = editor(journal, f"life{life}", 100_000)
        first = process.stdout.readline()
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        acknowledged = [
            int(line) for line in (first + process.communicate()[0]).splitlines(keepends=True) if "\n" in line
        ]
        ratings = Journal(journal.path).ratings()
        assert process.returncode == -signal.SIGKILL
        assert acknowledged
        assert {number: ratings[f"life{life}-{number}"] for number in acknowledged} == {
            number: number % 6 for number in acknowledged
        }
    sequences = [entry.sequence for entry in Journal(journal.path).entries()]
    journal.add([("after", 5)], "me")
    assert sequences == list(range(1, len(sequences) + 1))
    assert Journal(journal.path).entries()[-1].sequence == len(sequences) + 1
