"""Processes that train together wait for the first, agree with it, and the first that fails speaks for all."""

import multiprocessing
import os
import signal
import time

import pytest
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from selfsup.training.ranks import Ranks, environment, together
from selfsup.types import ConfigError

SLURM = {"SLURM_NTASKS": "1", "SLURM_JOB_NAME": "train", "SLURM_JOB_ID": "1"}
OURS = {"LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1"}


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    """No launcher has started this process."""
    for name in ("RANK", "LOCAL_RANK", "TORCHELASTIC_RUN_ID", "WORLD_SIZE", *SLURM):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, None),
        (OURS, LightningEnvironment),
        ({"TORCHELASTIC_RUN_ID": "1", **OURS}, TorchElasticEnvironment),
        ({"TORCHELASTIC_RUN_ID": "1", **SLURM, **OURS}, TorchElasticEnvironment),
        (SLURM, SLURMEnvironment),
        ({**SLURM, **OURS}, LightningEnvironment),  # started by a batch script of one task
        ({**SLURM, **OURS, "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2"}, SLURMEnvironment),
        ({**SLURM, "SLURM_JOB_NAME": "interactive"}, None),
    ],
)
def test_who_started_this_process(told, expected, monkeypatch):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    found = environment()
    assert (None if found is None else type(found)) is expected
    if expected is SLURMEnvironment:
        assert not found.auto_requeue  # Lightning would save within the signal's handler


def test_one_process_waits_for_nobody():
    with together(1) as ranks:
        assert ranks.only_first(lambda: 3) == 3
        assert ranks.agree(lambda: "here") == "here"
        assert ranks.is_first


@pytest.mark.promise("ranks")
def test_another_number_than_torchruns_is_refused(monkeypatch):
    told = {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "RANK": "0"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=r"trainer.devices: 4, and torchrun or srun started 2"), together(4):
        pass


def rank(number, port, body, answers):
    os.environ.update(LOCAL_RANK=str(number), MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    try:
        with together(3) as ranks:
            answer = body(ranks)
    except SystemExit as end:
        answer = ("silent", end.code)
    except RuntimeError as error:
        answer = ("said", str(error))
    answers.put((number, answer))
    answers.close()
    answers.join_thread()


def answers_of(body, port, killed=None):
    """What each of three processes answers."""
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    processes = [fork.Process(target=rank, args=(number, port, body, queue)) for number in range(3)]
    for process in processes:
        process.start()
    found = dict(queue.get(timeout=60) for place in range(3) if place != killed)
    for process in processes:
        process.join()
    return found


def test_the_first_works_alone_and_all_agree_with_it(free_port):
    begun = time.monotonic()

    def body(ranks):
        worked = ranks.only_first(lambda: time.sleep(0.5) or "done")
        return worked, ranks.agree(lambda: f"of {ranks.rank}"), time.monotonic() - begun > 0.5

    assert answers_of(body, free_port()) == {
        0: ("done", "of 0", True),
        1: (None, "of 0", True),
        2: (None, "of 0", True),
    }


@pytest.mark.promise("ranks", faults=2)
def test_only_the_first_that_fails_says_why(free_port):
    def fail(ranks):
        time.sleep(0.3)
        raise RuntimeError(f"because of {ranks.rank}")

    def body(ranks):
        if ranks.rank == 1:
            raise RuntimeError("because of 1")
        ranks.only_first(lambda: fail(ranks))

    found = answers_of(body, free_port())
    assert found[1] == ("said", "because of 1")
    assert found[0] == found[2] == ("silent", 1)


@pytest.mark.promise("ranks")
def test_nobody_waits_for_a_first_that_was_killed(free_port):
    def body(ranks):
        return ranks.only_first(lambda: os.kill(os.getpid(), signal.SIGKILL))

    found = answers_of(body, free_port(), killed=0)
    assert found[1][0] == found[2][0] == "silent"


def test_ranks_of_one_are_the_default():
    assert (Ranks().rank, Ranks().size, Ranks().nodes, Ranks().environment) == (0, 1, 1, None)
