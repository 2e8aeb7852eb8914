"""Memory that runs out is named, on a GPU or off it, with what to lower; other errors stay what they are."""

import os
import resource

import pytest
import torch

from selfsup.data.exhausted import memory_named
from selfsup.tasks.pretrain import assemble
from selfsup.training.learner import Learner
from selfsup.training.loop import fit
from selfsup.types import DataError

CUDA = "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 139.8 GiB of which 3 is free."
CPU = (
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8"
)


@pytest.mark.promise("resources")
@pytest.mark.parametrize(
    ("error", "says"),
    [
        (torch.OutOfMemoryError(CUDA), r"out of memory \(CUDA out of memory. Tried to allocate 20.00 MiB\); lower it"),
        (RuntimeError(CPU), r"out of memory \(DefaultCPUAllocator: can't allocate memory: .*\); lower it"),
        (MemoryError(), r"out of memory \(of this machine\); lower it"),
    ],
)
def test_it_is_named_with_a_remedy(error, says):
    with pytest.raises(DataError, match=says), memory_named("lower it"):
        raise error


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="mat1 and mat2"), memory_named("lower it"):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def grow(*_):
    """More than may be had."""
    pages = int(open("/proc/self/statm").read().split()[0])  # noqa: PTH123, SIM115
    limit = pages * resource.getpagesize() + 2**26
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    torch.ones(2**28).sum()


@pytest.mark.promise("resources")
def test_a_training_for_which_there_is_too_little_memory_says_what_to_lower(tiny, compose, tmp_path):
    """In a process of its own, which the kernel gives no more."""
    child = os.fork()
    if child == 0:
        said = "nothing"
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Learner, "training_step", grow)
                parts = assemble(compose(*tiny), tmp_path)
                fit(parts.learner, parts.data, {}, parts.loggers, tmp_path)
        except BaseException as error:  # noqa: BLE001
            said = f"{type(error).__name__}: {error}"
        (tmp_path / "said").write_text(said)
        os._exit(0)
    os.waitpid(child, 0)
    said = (tmp_path / "said").read_text()
    assert said.startswith("DataError: out of memory (DefaultCPUAllocator: can't allocate memory"), said
    assert "lower trainer.batch_size (16 now; with trainer.batch_size=8 trainer.accumulate=2" in said


def test_a_data_error_within_is_left_alone():
    with pytest.raises(DataError, match="as it was"), memory_named("lower it"):
        raise DataError("as it was")
