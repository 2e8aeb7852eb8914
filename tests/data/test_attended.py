"""A loader's process that dies or hangs is named, with what it was at work on, and one that computes is waited for."""

import os
import signal
import time

import pytest
import torch
from torch.utils.data import Dataset

from selfsup.data import attended
from selfsup.data.attended import Attended, deaths_named
from selfsup.types import DataError


class Pictures(Dataset):
    """Ten; where a file says so, a process does something else instead of making the seventh."""

    def __init__(self, instead=lambda: None):
        self.instead = instead

    def __len__(self):
        return 10

    def names(self, rows):
        return [f"g{row}" for row in rows]

    def __getitem__(self, rows):
        if 7 in rows:
            self.instead()
        return torch.tensor(rows)


def loader(instead=lambda: None, workers=2):
    return Attended(Pictures(instead), workers, sampler=[[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]], batch_size=None)


def send(number):
    return lambda: os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(attended, "SLOW_S", 1)
    monkeypatch.setattr(attended, "HUNG_S", 1.5)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_come_in_order_as_often_as_they_are_asked_for(workers):
    asked = loader(workers=workers)
    for _ in range(2):
        assert [batch.tolist() for batch in asked] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


@pytest.mark.promise("resources")
@pytest.mark.parametrize("instead", [send(signal.SIGKILL), send(signal.SIGSEGV), lambda: os._exit(3)])
def test_one_that_dies_is_named_with_its_galaxies(instead):
    with pytest.raises(DataError, match=r"loader process \d+ has died \(.*\) at work on 2 galaxies: g6, g7; if "):
        list(loader(instead))


@pytest.mark.promise("resources")
def test_a_death_is_named_whatever_the_parent_is_doing_when_it_hears_of_it():
    with pytest.raises(DataError, match="at work on 2 galaxies: g6, g7"), deaths_named():  # noqa: PT012
        asked = loader(lambda: (time.sleep(0.2), os.kill(os.getpid(), signal.SIGKILL)))
        batches = iter(asked)
        next(batches)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            pass


@pytest.mark.promise("resources")
def test_one_that_hangs_is_named_with_its_galaxies(caplog):
    with pytest.raises(
        DataError, match=r"the loader hangs, .* not computed for \d+ s: .* at work on 2 galaxies: g6, g7"
    ):
        list(loader(send(signal.SIGSTOP)))
    assert "no batch for 1 s; waiting for the loader: process" in caplog.text


def compute():
    until = time.monotonic() + 4
    while time.monotonic() < until:
        pass


@pytest.mark.promise("resources")
def test_one_that_computes_is_waited_for_and_named(caplog):
    assert [batch.tolist() for batch in loader(compute)][3:] == [[6, 7], [8, 9]]
    assert "at work on 2 galaxies: g6, g7" in caplog.text


def test_errors_of_a_process_are_its_own():
    def fail():
        raise RuntimeError("no such worker")

    with pytest.raises(RuntimeError, match="no such worker"):
        list(loader(fail))
