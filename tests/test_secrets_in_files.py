"""Real runs with canaries in the environment, a configuration and a git repository: no byte that they write holds one.

Searched are the run folder, the cache, W&B's files (binary ones, its logs), the home and the temporary folder.
"""

import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.promise("secrets")]
CANARY = "canary-4f1d9c27b0"
PLACES = ("work", "home", "tmp", "cache")

FAILING = '''
import os
from selfsup.objectives.ntxent import NTXent

class Failing(NTXent):
    """Fails as a library does that cannot reach its server."""

    def forward(self, views, batch, progress):
        raise RuntimeError(f"401 for https://me:{os.environ['HUB_TOKEN']}@host, sent {os.environ['SOME_API_KEY']}")
'''


@pytest.fixture
def started(tmp_path, galaxies):
    """Arguments -> a real process, in a repository with a changed file, as a person with secrets starts it."""
    for place in PLACES:
        (tmp_path / place).mkdir()
    work = tmp_path / "work"
    (work / "notes.txt").write_text("nothing\n")
    (work / "failing.py").write_text(FAILING)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], cwd=work, check=True)
    subprocess.run([*git, "add", "notes.txt"], cwd=work, check=True)
    subprocess.run([*git, "commit", "-qm", "First"], cwd=work, check=True)
    (work / "notes.txt").write_text(f"diff-{CANARY}\n")
    (tmp_path / "home" / ".netrc").write_text(f"machine api.wandb.ai login user password netrc-{CANARY}\n")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("WANDB", "SELFSUP"))},
        **{"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp"), "SELFSUP_CACHE": str(tmp_path / "cache")},
        **{"HUB_TOKEN": f"token-{CANARY}", "SOME_API_KEY": f"key-{CANARY}", "DB_PASSWORD": f"password-{CANARY}"},
        "PYTHONPATH": str(work),
    }
    tiny = [
        *("data=images", f"data.folder={galaxies}", "data.size_px=32", "encoder=tiny_resnet", "trainer.max_epochs=1"),
        *("trainer.batch_size=32", "trainer.workers=0", "trainer.probe_every_epochs=null", "trainer.accelerator=cpu"),
        *("task.pixel_components=2", "probe=[]", "logger=wandb", "logger.mode=offline"),
    ]

    def start(*arguments):
        command = [sys.executable, "-m", "selfsup", *arguments, *tiny]
        return subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=400
        )

    return start


def searched(tmp_path):
    """How many files were written, and those with a canary; the person's own are left out."""
    own = {tmp_path / "work" / "notes.txt", tmp_path / "home" / ".netrc"}
    files = [file for place in PLACES for file in (tmp_path / place).rglob("*") if file.is_file() and file not in own]
    found = [str(file.relative_to(tmp_path)) for file in files if CANARY.encode() in file.read_bytes()]
    return len(files), found


def test_a_training_writes_none(started, tmp_path):
    ended = started()
    assert ended.returncode == 0, ended.stderr
    assert list((tmp_path / "work").rglob("*.wandb"))
    count, found = searched(tmp_path)
    assert count > 20
    assert found == []
    assert CANARY not in ended.stdout + ended.stderr


def test_a_training_that_fails_with_one_in_its_error_writes_none(started, tmp_path):
    ended = started("trust=[failing]", "objective._target_=failing.Failing")
    assert ended.returncode == 1
    assert "RuntimeError: 401 for https://" in ended.stderr
    assert CANARY not in ended.stdout + ended.stderr
    assert searched(tmp_path)[1] == []


def test_a_sweep_of_one_job_that_fails_and_one_that_does_not_writes_none(started, tmp_path):
    jobs = "objective._target_=failing.Failing,selfsup.objectives.ntxent.NTXent"
    ended = started("--multirun", "trust=[failing]", jobs, "hydra.sweep.dir=sweep")
    assert ended.returncode == 1
    written = (tmp_path / "work" / "sweep" / "0" / "output.log").read_text()
    assert "RuntimeError: 401 for https://" in written
    assert (tmp_path / "work" / "sweep" / "1" / "report.json").is_file()
    assert searched(tmp_path)[1] == []
    assert CANARY not in ended.stdout + ended.stderr
