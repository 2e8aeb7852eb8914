"""A lock keeps others out until its holder lets go, or dies."""

import subprocess
import sys

from selfsup.locks import claim

HOLD = "import sys; from selfsup.locks import claim; from pathlib import Path; import time; " + (
    "held = claim(Path(sys.argv[1])); print(held is not None, flush=True); time.sleep(60)"
)


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
