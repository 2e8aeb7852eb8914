"""An array of a real Slurm shares the shards of a catalogue: one task is killed and requeued, and nothing is lost."""

import subprocess
import sys
import time

import pytest

from selfsup.catalogue import Catalogue

pytestmark = [pytest.mark.slow, pytest.mark.slurm]


def state(task, environment):
    """What Slurm says of a task of an array: PENDING, RUNNING, ..."""
    asked = ["squeue", f"--jobs={task}", "--noheader", "--format=%T"]
    return subprocess.run(asked, env=environment, capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.promise("writers")
def test_an_array_embeds_every_galaxy_once(slurm, galaxies, checkpoint, tmp_path):
    trained = checkpoint("data.size_px=32")
    command = [sys.executable, "-m", "selfsup", "task=embed", f"task.checkpoint={trained}", "data=images"]
    command += [f"data.folder={galaxies}", "task.rows_per_shard=7"]
    alone = subprocess.run([*command, f"task.output={tmp_path / 'alone'}"], cwd=tmp_path, check=False)
    assert alone.returncode == 0
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/sh\nexec " + " ".join([*command, f"task.output={tmp_path / 'out'}"]) + "\n")
    submit = ["sbatch", "--parsable", "--array=0-2", f"--chdir={tmp_path}", "--output=task-%a.log", "--requeue", script]
    job = subprocess.run(submit, env=slurm, capture_output=True, text=True, check=True).stdout.strip()
    until, requeued = time.monotonic() + 300, False
    while time.monotonic() < until and not (tmp_path / "out").is_dir():
        if not requeued and state(f"{job}_0", slurm) == "RUNNING":
            requeued = subprocess.run(["scontrol", "requeue", f"{job}_0"], env=slurm, check=False).returncode == 0
        time.sleep(0.2)
    logs = "\n".join(file.read_text() for file in sorted(tmp_path.glob("task-*.log")))
    assert (tmp_path / "out").is_dir(), logs
    assert requeued
    found = [Catalogue.open(tmp_path / name) for name in ("out", "alone")]
    assert found[0].ids == found[1].ids
    assert len(set(found[0].ids)) == 120
    parts = [sorted((tmp_path / name).glob("part-*")) for name in ("out", "alone")]
    assert [part.read_bytes() for part in parts[0]] == [part.read_bytes() for part in parts[1]]
