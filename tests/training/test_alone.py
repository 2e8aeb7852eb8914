"""Two trainings never write into one run folder: the second is refused by name, and goes on when the first is dead."""

import subprocess
import sys

import pytest

from selfsup.checkpoint import LAST, read_checkpoint
from selfsup.tasks.pretrain import assemble
from selfsup.training import alone
from selfsup.training.loop import fit
from selfsup.types import ConfigError

HOLD = "import sys, time; from selfsup.locks import claim; from pathlib import Path; held = claim(Path(sys.argv[1]))\n"
HOLD += "print(held is not None, flush=True); time.sleep(60)"


@pytest.mark.promise("writers")
def test_a_second_training_in_a_folder_is_refused_until_the_first_is_dead(tiny, compose, tmp_path, monkeypatch):
    monkeypatch.setattr(alone, "PATIENCE_S", 0.2)
    parts = assemble(compose(*tiny, "trainer.max_epochs=1"), tmp_path)
    lock = tmp_path / LAST.parent / alone.LOCK
    with subprocess.Popen([sys.executable, "-c", HOLD, lock], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "True\n"
        with pytest.raises(ConfigError, match="another process trains in this folder; wait for it"):
            fit(parts.learner, parts.data, {}, parts.loggers, tmp_path)
        assert not (tmp_path / "metrics.csv").exists()
        first.kill()
        first.wait()
    fit(parts.learner, parts.data, {}, parts.loggers, tmp_path)
    assert read_checkpoint(tmp_path)["global_step"] == 5
