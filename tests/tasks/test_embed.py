"""A catalogue by the command line: of turned pictures, of torn ones, by several workers, killed and started again."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selfsup.catalogue import Catalogue

COUNT, SIZE_PX = 6, 32


@pytest.fixture
def run(checkpoint, selfsup, tmp_path, monkeypatch):
    """Overrides -> the command line, in a folder with a checkpoint, pictures, and the same pictures turned."""
    monkeypatch.chdir(tmp_path)
    trained = checkpoint(f"data.size_px={SIZE_PX}")
    pixels = np.random.default_rng(0).integers(0, 255, (COUNT, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    for name, turned in (("upright", pixels), ("turned", np.rot90(pixels, axes=(1, 2))[:, :, ::-1])):
        (tmp_path / name).mkdir()
        for number, image in enumerate(turned):
            Image.fromarray(np.ascontiguousarray(image)).save(tmp_path / name / f"g{number}.png")
    return lambda *arguments: selfsup("task=embed", f"task.checkpoint={trained}", "data=images", *arguments)


@pytest.mark.parametrize(("symmetries", "same"), [(1, False), (8, True)])
def test_the_catalogue_of_turned_pictures_is_the_same_where_symmetries_are_asked_for(symmetries, same, run, tmp_path):
    found = []
    for name in ("upright", "turned"):
        choices = [f"data.folder={tmp_path / name}", f"task.output=of_{name}", f"task.symmetries={symmetries}"]
        ended = run(*choices)
        assert ended.code == 0, ended.err
        found.append(Catalogue.open(tmp_path / f"of_{name}"))
    assert found[0].ids == found[1].ids == [f"g{number}" for number in range(COUNT)]
    assert found[0].provenance["symmetries"] == symmetries
    assert np.allclose(found[0].embedding(), found[1].embedding(), rtol=1e-4, atol=1e-5) is same


def test_another_number_of_symmetries_is_refused(run, tmp_path):
    ended = run(f"data.folder={tmp_path / 'upright'}", "task.output=a", "task.symmetries=4")
    assert ended.code == 1
    assert "task.symmetries is 4; write 1" in ended.err


def test_a_torn_picture_costs_one_row_packed_or_not(run, tmp_path):
    (tmp_path / "upright" / "g2.png").write_bytes((tmp_path / "upright" / "g3.png").read_bytes()[:50])
    few = [f"data.folder={tmp_path / 'upright'}", "data.max_unreadable_share=0.2", "task.rows_per_shard=4"]
    for packed in ("false", "true"):
        ended = run(*few, f"task.packed={packed}", f"task.output=packed_{packed}")
        assert ended.code == 0, ended.err
    found = Catalogue.open(tmp_path / "packed_false")
    assert found.ids == ["g0", "g1", "g3", "g4", "g5"]
    with (tmp_path / "packed_false" / "_unreadable.csv").open(newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["id", "g2"]
    for part in (tmp_path / "packed_false").glob("part-*"):
        assert part.read_bytes() == (tmp_path / "packed_true" / part.name).read_bytes()


def test_the_same_command_again_does_nothing_and_another_one_is_refused(run, tmp_path):
    same = [f"data.folder={tmp_path / 'upright'}", "task.output=out"]
    assert run(*same).code == 0
    before = (tmp_path / "out" / "part-00000.parquet").stat().st_mtime_ns
    assert run(*same).code == 0
    assert (tmp_path / "out" / "part-00000.parquet").stat().st_mtime_ns == before
    ended = run(*same, "task.symmetries=8")
    assert ended.code == 1
    assert "symmetries 1, not 8" in ended.err
    ended = run(f"data.folder={tmp_path / 'turned'}", "task.output=out")
    assert ended.code == 1
    assert "data" in ended.err


@pytest.mark.slow
def test_workers_that_are_killed_leave_the_same_bytes(galaxies, checkpoint, tmp_path):
    """Real processes, twelve shards: one alone, and two at a time of which one is killed again and again."""
    trained = checkpoint(f"data.size_px={SIZE_PX}")
    same = ["task=embed", f"task.checkpoint={trained}", "data=images", f"data.folder={galaxies}"]

    def start(name):
        command = [sys.executable, "-m", "selfsup", *same, "task.rows_per_shard=10", f"task.output={tmp_path / name}"]
        with (tmp_path / "log").open("a") as log:
            return subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)

    assert start("whole").wait() == 0
    random, kills = np.random.default_rng(0), 0
    unfinished = tmp_path / "out.unfinished" / ".work"
    while kills < 3 and not (tmp_path / "out").is_dir():
        worker = start("out")
        while worker.poll() is None and not unfinished.is_dir():
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.1))
        if worker.poll() is None:
            os.kill(worker.pid, signal.SIGKILL)
            kills += 1
        worker.wait()
    workers = [start("out") for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0], (tmp_path / "log").read_text()
    assert kills
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")
    assert len(set(Catalogue.open(tmp_path / "out").ids)) == 120


def digests(folder: Path):
    return [part["sha256"] for part in json.loads((folder / "_manifest.json").read_text())["parts"]]


def test_a_catalogue_says_in_which_precision_it_was_made_and_is_not_mixed(run, tmp_path):
    data = f"data.folder={tmp_path / 'upright'}"
    assert run(data, "task.output=half", "task.precision=bfloat16").code == 0
    half = Catalogue.open(tmp_path / "half")
    assert half.provenance["precision"] == "bfloat16"
    ended = run(data, "task.output=half")
    assert ended.code == 1
    assert "precision" in ended.err
