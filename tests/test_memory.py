"""Memory stays flat over the epochs of a training and the galaxies of a survey: as the kernel counts."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from selfsup.catalogue import Catalogue

MB = 2**20


def epochs(table):
    """That are in the table so far."""
    lines = table.read_text().splitlines() if table.is_file() else []
    return int(float(lines[-1].split(",")[1] or 0)) if len(lines) > 2 and lines[-1].count(",") > 1 else 0


def resident(process):
    """Bytes of memory that it holds now."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.promise("resources")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says so")
def test_fifty_epochs_hold_no_more_than_ten(tiny, tmp_path, record_property):
    choices = [choice for choice in tiny if not choice.startswith("trainer.max_epochs")]
    command = [sys.executable, "-m", "selfsup", *choices, "trainer.max_epochs=50", f"hydra.run.dir={tmp_path / 'run'}"]
    held = {}
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as training:
        while training.poll() is None and max(held, default=0) < 49:
            held.setdefault(epochs(tmp_path / "run" / "metrics.csv"), resident(training.pid))
            time.sleep(0.05)
    assert training.returncode == 0
    seen = np.array([(epoch, size) for epoch, size in held.items() if epoch >= 10])
    assert len(seen) > 20
    grown = 40 * np.polyfit(seen[:, 0], seen[:, 1], 1)[0]
    record_property("grown_mb", float(grown / MB))
    assert grown < 8 * MB, f"{grown / MB:.1f} MB more after 40 epochs"


def most_held(arguments, folder):
    """Bytes that a command held at its peak."""
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen([sys.executable, "-m", "selfsup", *arguments], cwd=folder, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (folder / "said.txt").read_text()
    return used.ru_maxrss * 1024


@pytest.mark.slow
@pytest.mark.promise("resources")
def test_a_survey_ten_times_as_long_takes_no_more_memory(checkpoint, galaxies, tmp_path, record_property):
    """Whose pictures alone would be 60 MB."""
    held, encoder = {}, checkpoint()
    for count in (2_000, 20_000):
        place = tmp_path / str(count)
        (place / "images").mkdir(parents=True)
        for number in range(count):
            os.link(galaxies / f"g{number % 120:03}.jpg", place / "images" / f"g{number:05}.jpg")
        made = ["task=embed", f"task.checkpoint={encoder}", "data=images", f"data.folder={place / 'images'}"]
        made += ["task.output=out", "task.rows_per_shard=512", "task.batch_size=64", "hydra.run.dir=run"]
        held[count] = most_held(made, place)
        assert len(Catalogue.open(place / "out").ids) == count
    record_property("held_mb", {count: size / MB for count, size in held.items()})
    assert held[20_000] - held[2_000] < 30 * MB, held
