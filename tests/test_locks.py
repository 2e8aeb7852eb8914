"""A lock keeps others out until its holder lets go, or dies."""

import subprocess
import sys

import pytest

from selfsup.locks import alone, claim

HOLD = "import sys; from selfsup.locks import claim; from pathlib import Path; import time; " + (
    "held = claim(Path(sys.argv[1])); print(held is not None, flush=True); time.sleep(60)"
)
WAIT = "import sys; from selfsup.locks import alone; from pathlib import Path; file = Path(sys.argv[1]); " + (
    "print('waits', flush=True)\nwith alone(file): print((file.parents[1] / 'done').exists(), flush=True)"
)

pytestmark = pytest.mark.promise("writers")


def test_one_holds_it_at_a_time(tmp_path):
    file = tmp_path / "new" / "lock"
    held = claim(file)
    assert held is not None
    assert claim(file) is None
    held.close()
    again = claim(file)
    assert again is not None
    again.close()


def test_the_kernel_takes_it_back_from_the_dead(tmp_path):
    file = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, file], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "True\n"
        assert claim(file) is None
        holder.kill()
        holder.wait()
    held = claim(file)
    assert held is not None
    held.close()


def test_those_who_come_later_wait_their_turn(tmp_path):
    file = tmp_path / "new" / "lock"
    with alone(file):
        assert claim(file) is None
        waiting = subprocess.Popen([sys.executable, "-c", WAIT, file], stdout=subprocess.PIPE, text=True)
        assert waiting.stdout.readline() == "waits\n"
        (tmp_path / "done").touch()
    with waiting:
        assert waiting.stdout.readline() == "True\n"  # what was done within is done when its turn comes
