"""The soak, in its short form: real processes, killed at random, lose nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "soak.py"


@pytest.mark.slow
@pytest.mark.promise("kills")
def test_a_dozen_kills_lose_nothing(tmp_path, record_property):
    stages = "pretrain,embed,hunt,explore"
    told = ["--kills", "12", "--minutes", "10", "--stages", stages, "--folder", tmp_path / "soak"]
    command = [sys.executable, SCRIPT, *told, "--out", tmp_path / "soak.json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads((tmp_path / "soak.json").read_text())
    assert found["kills"] >= 12
    assert all(found["stages"][name]["rounds compared"] for name in stages.split(","))
    record_property("faults", found["kills"])
