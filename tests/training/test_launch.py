"""The command that starts a process for each device: signals go on, codes come back, nobody is left waiting."""

import json
import os
import signal
import sys
import time
from types import SimpleNamespace

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from selfsup.training import launch as launching
from selfsup.training.launch import is_parent, launch
from selfsup.types import Interrupted

STARTED = ("RANK", "LOCAL_RANK", "TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "SLURM_JOB_NAME")


@pytest.fixture
def each(monkeypatch, tmp_path):
    """A script -> the processes that are started run it, with their number in `rank`."""

    def runs(script, mode=RunMode.RUN):
        text = f"import os, signal, sys, time\nrank = int(os.environ['RANK'])\n{script}"
        monkeypatch.setattr(launching, "_command", lambda: [sys.executable, "-c", text])
        hydra = SimpleNamespace(mode=mode)
        monkeypatch.setattr(launching, "HydraConfig", SimpleNamespace(get=lambda: hydra))
        return launch(2, tmp_path)

    monkeypatch.setattr(launching, "GRACE_S", 0.5)
    return runs


def test_they_know_each_other_and_the_first_ones_scores_come_back(each, tmp_path):
    (tmp_path / "report.json").write_text(json.dumps({"metrics": {"probe/knn/accuracy": 0.5, "probe/knn/k": None}}))
    script = f"open({str(tmp_path)!r} + f'/{{rank}}', 'w').write(str(dict(os.environ)))"
    scores = each(script)
    assert scores["probe/knn/accuracy"] == 0.5
    assert scores["probe/knn/k"] != scores["probe/knn/k"]
    for rank in "01":
        told = (tmp_path / rank).read_text()
        assert f"'LOCAL_RANK': '{rank}'" in told
        assert "'WORLD_SIZE': '2'" in told
        assert "'MASTER_ADDR': '127.0.0.1'" in told


@pytest.mark.promise("ranks")
def test_one_that_fails_ends_those_that_wait_for_it(each):
    begun = time.monotonic()
    with pytest.raises(SystemExit) as end:
        each("sys.exit(3) if rank else time.sleep(60)")
    assert end.value.code == 3
    assert time.monotonic() - begun < 30


@pytest.mark.promise("ranks")
def test_one_that_was_killed_is_named(each):
    with pytest.raises(SystemExit) as end:
        each("os.kill(os.getpid(), signal.SIGKILL) if rank else time.sleep(60)")
    assert end.value.code == "\nselfsup: process 1 was killed by SIGKILL"


@pytest.mark.promise("ranks")
def test_in_a_sweep_a_failure_is_the_jobs_own(each):
    with pytest.raises(RuntimeError, match=r"process 1 of this job failed \(exit code 3\)"):
        each("sys.exit(3) if rank else None", RunMode.MULTIRUN)


def ask_when_started(folder, monkeypatch):
    """Send this process SIGTERM when both have begun."""
    attend = launching._attend

    def asked(processes):
        while not all((folder / rank).exists() for rank in "01"):
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)
        return attend(processes)

    monkeypatch.setattr(launching, "_attend", asked)


@pytest.mark.promise("ranks")
@pytest.mark.parametrize(
    ("hear", "says"), [("lambda *_: sys.exit(0 if rank else 75)", ""), ("signal.SIG_DFL", "stopped by SIGTERM. Go on")]
)
def test_a_signal_is_handed_on_and_its_code_comes_back(hear, says, each, tmp_path, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    ask_when_started(tmp_path, monkeypatch)
    begun = f"open({str(tmp_path)!r} + f'/{{rank}}', 'w').close()"
    with pytest.raises(Interrupted) as end:
        each(f"signal.signal(signal.SIGTERM, {hear})\n{begun}\ntime.sleep(60)")
    assert end.value.code == 75
    assert str(end.value).startswith(says)
    assert bool(str(end.value)) == bool(says)
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(("mode", "given"), [(RunMode.RUN, "objective=mae"), (RunMode.MULTIRUN, "objective=dino")])
def test_they_are_given_the_same_command_and_the_parents_folder(mode, given, monkeypatch):
    hydra = SimpleNamespace(
        mode=mode,
        overrides=SimpleNamespace(task=["objective=dino"]),
        runtime=SimpleNamespace(output_dir="/runs/it's one"),
        sweep=SimpleNamespace(dir="sweep"),
    )
    monkeypatch.setattr(launching, "HydraConfig", SimpleNamespace(get=lambda: hydra))
    monkeypatch.setattr(sys, "argv", ["selfsup", "objective=mae"])
    _, _, module, *overrides = launching._command()
    assert module == "selfsup"
    parsed = {o.key_or_group: o.value() for o in OverridesParser.create().parse_overrides(overrides)}
    assert parsed["hydra.run.dir"] == "/runs/it's one"
    assert parsed["hydra.sweep.dir"] == "sweep"
    assert given in overrides
    assert "hydra.output_subdir=null" in overrides


def test_who_starts_the_processes(monkeypatch):
    for name in STARTED:
        monkeypatch.delenv(name, raising=False)
    assert is_parent(2)
    assert not is_parent(1)
    for name, value in {"SLURM_NTASKS": "1", "SLURM_JOB_NAME": "train"}.items():
        monkeypatch.setenv(name, value)
    assert is_parent(2)  # a batch script that starts them itself
    monkeypatch.setenv("SLURM_NTASKS", "2")
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "2")
    assert not is_parent(2)
    monkeypatch.delenv("SLURM_NTASKS")
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert not is_parent(2)
