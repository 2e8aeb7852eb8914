"""What a person sees of a sweep: through Hydra, with jobs that are real commands."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selfsup.sweeps.folders import held
from selfsup.sweeps.launcher import checked
from selfsup.sweeps.ledger import Ledger
from selfsup.sweeps.result import RESULT
from selfsup.types import ConfigError

LIGHT = ["task.name=nope,nada"]
"""Two jobs that fail before they import anything heavy."""


@pytest.fixture
def run(selfsup, tmp_path, monkeypatch):
    """A sweep, run by this process in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: selfsup("--multirun", *arguments)


def records(folder):
    return {record.number: record for record in Ledger(folder).records.values()}


def refused(ended, *fragments):
    assert ended.code == 1, ended
    assert "Traceback" not in ended.err
    for fragment in fragments:
        assert fragment in ended.err, ended.err


@pytest.mark.promise("sweeps", faults=2)
def test_a_sweep_runs_to_its_end_and_says_what_died_of_what(run, tmp_path):
    ended = run(*LIGHT, "hydra.sweep.dir=sweep")
    reason = "task.name: there is no task {}; valid:"
    refused(ended, "job 0 (task.name=nope): " + reason.format("nope"), "its output: sweep/0/output.log")
    assert "selfsup --multirun task.name=nope,nada sweep.resume=true hydra.sweep.dir=sweep" in ended.err
    for number, name in enumerate(("nope", "nada")):
        assert f"job {number} (task.name={name}) failed after" in ended.out
        assert records(tmp_path / "sweep")[number].reason.startswith(reason.format(name))
        assert reason.format(name) in (tmp_path / "sweep" / str(number) / "output.log").read_text()
        assert (tmp_path / "sweep" / str(number) / ".hydra" / "config.yaml").is_file()
    assert not {"torch", "lightning"} & set(imported())


def imported():
    """By a process that imports the launcher."""
    code = "import sys; import selfsup.sweeps.plugin; print(*sys.modules)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_a_sweep_goes_on_where_it_is_told_or_with_the_newest_of_the_command(run, tmp_path):
    assert run(*LIGHT).code == 1
    [folder] = (tmp_path / "outputs" / "multirun").iterdir()
    done = records(folder)[0]
    done.state, done.value, done.reason = "done", 0.25, ""
    Ledger(folder).write(done)
    again = run(*LIGHT, "sweep.resume=true")
    refused(again, "job 1 (task.name=nada): ")
    assert list((tmp_path / "outputs" / "multirun").iterdir()) == [folder]
    assert [records(folder)[number].attempts for number in range(2)] == [1, 2]
    refused(run("task.name=other", "sweep.resume=true"), "sweep.resume: no sweep of this command in outputs/multirun")
    more = run("task.name=nope", f"hydra.sweep.dir={folder}", "sweep.resume=true")  # a part of it, which is done
    assert more.code == 0, more.err


@pytest.mark.promise("writers", faults=2)
def test_a_folder_is_one_sweeps(run, tmp_path):
    assert run("task.name=nope", "hydra.sweep.dir=sweep").code == 1
    refused(run("task.name=nope", "hydra.sweep.dir=sweep"), "sweep holds a sweep; write sweep.resume=true to finish it")
    refused(run("task.name=nope", "hydra.sweep.dir=swep", "sweep.resume=true"), "no sweep in swep (in .: sweep)")


@pytest.mark.promise("inputs")
def test_a_mistyped_job_stops_a_sweep_before_it_begins(run, tmp_path):
    refused(run("objective=ntxent,nxtent", "hydra.sweep.dir=sweep"), "did you mean `ntxent`?")
    assert not (tmp_path / "sweep" / "0").exists()


def test_settings_are_checked():
    good = {"n_jobs": None, "gpus_per_job": 1, "timeout_s": None, "grace_s": 3, "resume": False}
    assert checked(good).grace_s == 3.0
    for key, value, says in (
        ("n_jobs", "many", "hydra.launcher.n_jobs: Value 'many'"),
        ("n_jobs", 0, "hydra.launcher.n_jobs: 0 is not at least 1"),
        ("grace_s", None, "hydra.launcher.grace_s: "),
        ("jobs", 3, "hydra.launcher.jobs: "),
    ):
        with pytest.raises(ConfigError, match=says):
            checked({**good, key: value})


TWENTY = """
import os, sys
from hydra.core.utils import setup_globals
from omegaconf import OmegaConf
import selfsup.__main__
from selfsup.sweeps.folders import choose
setup_globals()
for start in range(20):
    if os.fork() == 0:
        cfg = OmegaConf.load(sys.argv[1])
        cfg.hydra.overrides = {"task": [], "hydra": []}
        os.write(1, f"{choose(cfg, False)}\\n".encode())  # at once: lines of print may mix
        os._exit(0)
for start in range(20):
    os.wait()
"""


@pytest.mark.promise("writers", faults=20)
def test_twenty_sweeps_at_once_share_no_folder(tmp_path):
    """As the configuration names them; one that comes second would be refused."""
    config = Path(__file__).parents[2] / "conf" / "config.yaml"
    ended = subprocess.run(
        [sys.executable, "-c", TWENTY, config], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    folders = ended.stdout.split()
    assert len(set(folders)) == len(folders) == 20, ended.stderr


@pytest.mark.promise("writers")
def test_two_sweeps_never_work_in_one_folder(tmp_path):
    with held(tmp_path):
        code = "import sys; from pathlib import Path; from selfsup.sweeps.folders import held\n"
        code += "with held(Path(sys.argv[1])): pass"
        ended = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert "another process is at work on the sweep in" in ended.stderr
    with held(tmp_path):
        pass


LETHAL = '''
"""An objective that ends its process in the way it is told."""
import ctypes, os, resource, signal
import torch
from selfsup.objectives.base import Objective
from selfsup.types import Loss

class Lethal(Objective):
    views = {"global": (1, 1)}

    def __init__(self, encoder, how: str):
        super().__init__(encoder)
        self.how = how

    def forward(self, views, batch, progress):
        loss = self.encoder(views["global"][0]).square().mean()
        if self.how == "exception":
            raise ValueError("no such galaxy")
        if self.how == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "exit":
            os._exit(9)
        if self.how == "memory":
            resource.setrlimit(resource.RLIMIT_AS, (2**34, 2**34))
            bytearray(2**35)
        if self.how == "infinite":
            loss = loss * float("inf")
        return Loss(loss)
'''
YAML = """
defaults:
  - /augmentation@_global_.augmentation: one_view
  - /optimizer@_global_.optimizer: adamw
  - _self_
_target_: lethal.Lethal
how: none
"""


@pytest.fixture
def lethal(tiny, tmp_path):
    """A training of one epoch with an objective of a package that is trusted; the command, and its environment."""
    (tmp_path / "conf" / "objective").mkdir(parents=True)
    (tmp_path / "conf" / "objective" / "lethal.yaml").write_text(YAML)
    (tmp_path / "lethal.py").write_text(LETHAL)
    kept = [choice for choice in tiny if not choice.startswith(("data.tree", "trainer.max_epochs", "probe"))]
    return [
        *(sys.executable, "-m", "selfsup", "--config-dir", str(tmp_path / "conf"), "--multirun", *kept),
        *("trust=[lethal]", "objective=lethal", "trainer.max_epochs=1", "probe=[knn]", "hydra.sweep.dir=sweep"),
    ]


@pytest.mark.promise("sweeps", faults=6)
@pytest.mark.slow
def test_a_sweep_of_trainings_each_of_which_dies_in_its_own_way(lethal, tmp_path):
    ways = "none,exception,SIGKILL,exit,memory,infinite,7"  # a number is refused before anything is built
    command = [*lethal, f"objective.how={ways}", "hydra.launcher.n_jobs=2"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = records(tmp_path / "sweep")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert (found[0].state, found[0].attempts) == ("done", 1), ended.stdout
    assert (tmp_path / "sweep" / "0" / "report.json").is_file()
    assert json.loads((tmp_path / "sweep" / "0" / RESULT).read_text())["value"] == found[0].value
    says = [
        "ValueError: no such galaxy",
        "killed (SIGKILL)",
        "exit code 9, without a message",
        "out of memory",
        "NonFiniteLossError: the loss is inf at step 0; galaxies of this batch: g",
        "objective.how: 7 is not str",
    ]
    for number, reason in enumerate(says, 1):
        assert found[number].state == "failed"
        assert found[number].reason.startswith(reason), found[number].reason
        assert not (tmp_path / "sweep" / str(number) / "report.json").exists()


@pytest.mark.promise("sweeps")
@pytest.mark.slow
def test_a_sweep_that_was_killed_ends_where_an_unbroken_one_ends(lethal, tmp_path):
    """Its job saves when it hears of it, and goes on after the step that is saved."""
    command = [*lethal, "seed=0,1", "trainer.max_epochs=30", "hydra.launcher.n_jobs=1"]
    sweep = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 400
    while not (tmp_path / "sweep" / "0" / "metrics.csv").is_file():
        assert time.monotonic() < until
        assert sweep.poll() is None
        time.sleep(0.1)
    sweep.kill()
    sweep.wait()
    ended = subprocess.run([*command, "sweep.resume=true"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = records(tmp_path / "sweep")
    assert [(found[number].state, found[number].attempts) for number in range(2)] == [("done", 2), ("done", 1)]
    said = (tmp_path / "sweep" / "0" / "output.log").read_text()
    assert "selfsup: stopped by SIGTERM" in said
    assert "going on after step" in said
    finished = [(tmp_path / "sweep" / str(number) / RESULT).stat().st_mtime_ns for number in range(2)]
    assert subprocess.run([*command, "sweep.resume=true"], cwd=tmp_path, check=False).returncode == 0
    assert finished == [(tmp_path / "sweep" / str(number) / RESULT).stat().st_mtime_ns for number in range(2)]


@pytest.mark.promise("sweeps")
@pytest.mark.slow
def test_a_sweep_that_is_asked_to_stop_lets_its_jobs_save(lethal, tmp_path):
    command = [*lethal, "seed=0,1", "trainer.max_epochs=30", "hydra.launcher.n_jobs=1"]
    sweep = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 400
    while not (tmp_path / "sweep" / "0" / "metrics.csv").is_file():
        assert time.monotonic() < until
        time.sleep(0.1)
    os.kill(sweep.pid, signal.SIGUSR1)
    _, said = sweep.communicate(timeout=400)
    assert sweep.returncode == 75
    assert "selfsup: stopped by SIGUSR1. What is missing runs with: selfsup " in said
    found = records(tmp_path / "sweep")
    assert [found[number].state for number in range(2)] == ["interrupted", "pending"]
    assert "after step" in found[0].reason
