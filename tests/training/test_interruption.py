"""Asked to stop, a training saves between two steps, ends with 75, and goes on as if nothing had happened."""

import csv
import functools
import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from selfsup.checkpoint import LAST, finished, read_checkpoint
from selfsup.data import packing
from selfsup.stopping import SIGNALS, stoppable
from selfsup.tasks import pretrain as pretraining
from selfsup.tasks.pretrain import assemble, pretrain
from selfsup.training import interruption
from selfsup.training.checkpoints import AtomicCheckpointIO
from selfsup.training.interruption import Interruption
from selfsup.training.learner import Learner
from selfsup.training.loop import fit
from selfsup.training.ranks import Ranks
from selfsup.types import Interrupted

EVERY = ["trainer.checkpoint_every_steps=4", "encoder.drop_path=0.2"]


def train(cfg, folder):
    parts = assemble(cfg, folder)
    fit(parts.learner, parts.data, parts.probes, parts.loggers, folder)


def ask(patch, owner, method, when, number, times=1):
    """Send this process a signal when it comes to a method; `when` looks at the method's arguments."""
    original, left = getattr(owner, method), [number] * times

    @functools.wraps(original)  # Lightning looks at the signature
    def asked(*arguments, **named):
        while left and when(*arguments):
            os.kill(os.getpid(), left.pop())
        return original(*arguments, **named)

    patch.setattr(owner, method, asked)


def stopped(cfg, folder, owner, method, when, number=signal.SIGTERM, times=1):
    """Train until a signal; returns what the training says."""
    with pytest.MonkeyPatch.context() as patch:
        ask(patch, owner, method, when, number, times)
        with pytest.raises(Interrupted) as end:
            train(cfg, folder)
    assert end.value.code == 75
    return str(end.value)


def at_step(step):
    return lambda learner, *_: learner.global_step == step


def saved_step(folder):
    return read_checkpoint(folder)["global_step"]


def flat(value, path):
    """Path and content, in bytes, of every leaf."""
    if isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return dict(itertools.chain.from_iterable(flat(each, f"{path}.{key}").items() for key, each in items))
    return {path: value.numpy().tobytes() if isinstance(value, torch.Tensor) else value}


def end_of(folder):
    saved = read_checkpoint(folder)
    return flat({key: saved[key] for key in ("global_step", "epoch", "state_dict", "optimizer_states")}, "")


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as table:
        return [(row["step"], row["train/loss"]) for row in csv.DictReader(table) if row.get("train/loss")]


MOMENTS = {
    "a step": (Learner, "training_step", at_step(2), 3),
    "the optimizer's step": (Learner, "optimizer_step", at_step(2), 3),
    "the writing of a checkpoint": (AtomicCheckpointIO, "save_checkpoint", lambda _, c, *__: c["global_step"] == 4, 4),
    "the end of an epoch": (Learner, "on_train_epoch_end", at_step(5), 5),
    "the first step of an epoch": (Learner, "training_step", at_step(5), 6),
    "the last step of all": (Learner, "training_step", at_step(9), 10),
}


@pytest.fixture
def whole(tiny, compose, tmp_path_factory):
    """An uninterrupted training, the same for all tests."""
    folder = tmp_path_factory.getbasetemp() / "whole"
    if not finished(folder):
        train(compose(*tiny, *EVERY), folder)
    return folder


@pytest.mark.promise("resume")
@pytest.mark.parametrize(("moment", "number"), zip(MOMENTS, itertools.cycle(SIGNALS), strict=False))
def test_a_signal_at_any_moment_costs_nothing(moment, number, whole, tiny, compose, tmp_path):
    owner, method, when, step = MOMENTS[moment]
    cfg = compose(*tiny, *EVERY)
    before = [signal.getsignal(each) for each in SIGNALS]
    said = stopped(cfg, tmp_path / "cut", owner, method, when, number)
    assert said.startswith(f"stopped by {number.name} after step {step}, which is saved. Go on with: selfsup task=res")
    assert str(tmp_path / "cut") in said
    assert [signal.getsignal(each) for each in SIGNALS] == before
    assert saved_step(tmp_path / "cut") == step
    train(cfg, tmp_path / "cut")
    assert end_of(tmp_path / "cut") == end_of(whole)
    assert rows(tmp_path / "cut") == rows(whole)
    assert len(rows(tmp_path / "cut")) == 10


@pytest.mark.promise("resume")
def test_no_gradient_is_left_half_accumulated(tiny, compose, tmp_path):
    cfg = compose(*tiny, "trainer.accumulate=2")
    train(cfg, tmp_path / "whole")
    stopped(cfg, tmp_path / "cut", Learner, "on_train_batch_start", lambda _, __, index: index == 2)
    assert saved_step(tmp_path / "cut") == 2  # after the fourth batch
    train(cfg, tmp_path / "cut")
    assert end_of(tmp_path / "cut") == end_of(tmp_path / "whole")


@pytest.mark.promise("resume")
def test_a_signal_before_the_first_step_is_not_forgotten(tiny, compose, tmp_path):
    """While Lightning's own handler listens."""
    said = stopped(compose(*tiny), tmp_path, Learner, "zero_grad", lambda *_: True)
    assert said.startswith("stopped by SIGTERM before the first step. Go on with:")
    assert not (tmp_path / LAST).exists()


@pytest.mark.promise("resume")
def test_an_ignored_signal_stays_ignored(tiny, compose, tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.MonkeyPatch.context() as patch:
            ask(patch, Learner, "training_step", at_step(2), signal.SIGINT)
            train(compose(*tiny, "trainer.max_epochs=1"), tmp_path)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert saved_step(tmp_path) == 5


@pytest.mark.promise("resume")
def test_the_same_signal_twice_at_once_is_one(tiny, compose, tmp_path):
    said = stopped(compose(*tiny), tmp_path, Learner, "training_step", at_step(2), times=2)
    assert "after step 3" in said


@pytest.mark.promise("resume")
def test_a_second_ctrl_c_hurries(tiny, compose, tmp_path, monkeypatch):
    monkeypatch.setattr(interruption, "HURRY_AFTER_S", 0.0)
    with pytest.MonkeyPatch.context() as patch:
        ask(patch, Learner, "training_step", at_step(2), signal.SIGINT, times=2)
        with pytest.raises(SystemExit) as end:
            train(compose(*tiny, *EVERY), tmp_path)
    assert not isinstance(end.value, Interrupted)
    assert not (tmp_path / LAST).exists()


@pytest.mark.promise("resume")
def test_a_second_signal_kills(monkeypatch):
    monkeypatch.setattr(interruption, "HURRY_AFTER_S", 0.05)
    process = os.fork()
    if process == 0:
        try:
            hear = Interruption(Path("run"))._hear
            for each in SIGNALS:
                signal.signal(each, hear)
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGTERM


@pytest.mark.promise("resume")
@pytest.mark.parametrize("number", SIGNALS)
def test_the_loaders_processes_hear_nothing(number, tiny, compose, tmp_path):
    told = []

    def tell(learner, *_):
        if learner.global_step == 1 and not told:
            told.extend(multiprocessing.active_children())
            for child in told:
                os.kill(child.pid, number)
            time.sleep(0.2)
        return False

    with pytest.MonkeyPatch.context() as patch:
        ask(patch, Learner, "training_step", tell, number)
        train(compose(*tiny, "trainer.workers=1"), tmp_path)
    assert len(told) == 1
    assert saved_step(tmp_path) == 10
    assert not multiprocessing.active_children()


OUTSIDE = {
    "packing": (packing, "listed", lambda *_: True),
    "the setting up": (Learner, "configure_optimizers", lambda *_: True),
    "the final probing": (pretraining, "evaluate", lambda *_: True),
    "the report": (pretraining, "draw_training", lambda *_: True),
}


@pytest.mark.promise("resume")
@pytest.mark.parametrize(("moment", "number"), zip(OUTSIDE, SIGNALS, strict=True))
def test_a_signal_before_or_after_the_steps_ends_at_once_and_can_be_taken_up(
    moment, number, tiny, compose, tmp_path, monkeypatch
):
    cfg = compose(*tiny, "trainer.max_epochs=1", f"data.cache={tmp_path / 'cache'}")
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.MonkeyPatch.context() as patch:
        ask(patch, *OUTSIDE[moment], number)
        with pytest.raises(Interrupted) as end:
            pretrain(cfg, tmp_path / "run", Ranks())
    assert end.value.code == 75
    assert str(end.value) == (f"stopped by {number.name}. Go on with: selfsup task=resume task.run={tmp_path / 'run'}")
    assert [signal.getsignal(each) for each in SIGNALS] == before
    half = [*tmp_path.rglob("*.partial"), *tmp_path.rglob(".building-*"), *tmp_path.rglob("report.*")]
    assert half == []
    pretrain(cfg, tmp_path / "run", Ranks())
    assert saved_step(tmp_path / "run") == 5
    assert (tmp_path / "run" / "report.json").is_file()


@pytest.mark.promise("resume")
def test_outside_the_steps_too_the_same_signal_twice_at_once_is_one(tmp_path):
    done = []

    def asked_twice():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("tidied up")

    with pytest.raises(Interrupted), stoppable(tmp_path):
        asked_twice()
    assert done


@pytest.fixture(scope="module")
def start(cache):
    """Command lines -> their processes and a function that waits for their exit codes."""
    script = Path(__file__).parent / "forked_runs.py"
    server = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(*runs):
        server.stdin.write(json.dumps(runs) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline()), lambda: json.loads(server.stdout.readline())

    with server:
        yield begin
        server.stdin.close()


def run_of(arguments, output, **environment):
    return {"arguments": list(map(str, arguments)), "environment": environment, "output": str(output)}


def wait_for(folder, step, output):
    deadline = time.monotonic() + 120
    while not ((folder / "metrics.csv").is_file() and any(int(row[0]) >= step for row in rows(folder))):
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.01)


@pytest.mark.promise("resume")
def test_a_process_that_is_asked_ends_with_75_and_is_taken_up(start, tiny, compose, tmp_path):
    """SIGTERM, then SIGUSR1 to the training that went on; then it goes on to the end."""
    choices = [*tiny, "trainer.max_epochs=8"]
    whole, cut, output = tmp_path / "whole", tmp_path / "cut", tmp_path / "output.txt"
    train(compose(*choices), whole)
    resume = ["task=resume", f"task.run={cut}", f"hydra.run.dir={tmp_path / 'resumed'}"]
    steps = []
    for arguments, number in (([*choices, f"hydra.run.dir={cut}"], signal.SIGTERM), (resume, signal.SIGUSR1)):
        [process], code = start(run_of(arguments, output))
        wait_for(cut, 6 + 11 * len(steps), output)
        os.kill(process, number)
        assert code() == [75], output.read_text()
        assert f"selfsup: stopped by {number.name} after step" in output.read_text()
        assert output.read_text().count("Go on with: selfsup task=resume") == len(steps) + 1
        steps.append(saved_step(cut))
    assert 7 <= steps[0] < steps[1] < 40
    train(compose(*choices), cut)
    assert end_of(cut) == end_of(whole)
    assert rows(cut) == rows(whole)
    assert "Traceback" not in output.read_text()


@pytest.mark.promise("resume")
def test_all_ranks_stop_at_the_same_step_when_one_is_asked(start, tiny, free_port, tmp_path):
    """Two gloo ranks; the second one alone gets the signal, and the first one saves and says so."""
    choices = [*tiny, "trainer.max_epochs=60", "trainer.devices=2", "trainer.strategy=ddp", "trainer.batch_size=8"]
    meet = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    runs = [
        run_of(
            [*choices, f"hydra.run.dir={tmp_path / str(rank)}"], tmp_path / f"{rank}.txt", LOCAL_RANK=str(rank), **meet
        )
        for rank in range(2)
    ]
    [_, second], codes = start(*runs)
    wait_for(tmp_path / "0", 7, tmp_path / "0.txt")
    os.kill(second, signal.SIGTERM)
    assert codes() == [75, 0], (tmp_path / "0.txt").read_text() + (tmp_path / "1.txt").read_text()
    said = (tmp_path / "0.txt").read_text()
    assert f"by a signal to another process after step {saved_step(tmp_path / '0')}, which is saved" in said
    assert "stopped by" not in (tmp_path / "1.txt").read_text()
