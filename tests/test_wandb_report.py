"""The report at W&B needs a package that is not one of ours: who lacks it is told, before anything is contacted."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "wandb_report.py"


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.skipif(find_spec("wandb_workspaces") is not None, reason="wandb-workspaces is installed")
def test_who_lacks_the_package_is_told_how_to_get_it():
    ended = run("someone/selfsup", "my-sweep")
    assert ended.returncode == 1
    assert ended.stderr == "wandb_workspaces is not installed; run `uv pip install wandb-workspaces`, then this again\n"


def test_a_project_without_its_owner_is_refused():
    ended = run("selfsup", "my-sweep")
    assert ended.returncode == 2
    assert "project: selfsup is not ENTITY/PROJECT" in ended.stderr
