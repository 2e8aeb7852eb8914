"""Work that does not depend on who does it, spread over the processors of this machine, with results in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import Dataset

from selfsup.data.attended import Attended
from selfsup.processors import processors

T = TypeVar("T")

_FEWEST_TASKS = 8
"""With fewer, starting processes takes longer than they save."""


def in_order(work: Callable[[int], T], count: int, processes: int | None = None) -> Iterator[T]:
    """`work(0)` to `work(count - 1)`, each on one thread of some process; never more than a few ahead.

    Args:
        work: travels to the processes, so a function of a module or a method of something small.
        count: of tasks.
        processes: 0 for this one alone; None for one per processor where that pays.
    """
    if processes is None:
        processes = processors() if count >= _FEWEST_TASKS and processors() > 1 else 0
    loader = Attended(
        _Tasks(work, count),
        processes,
        sampler=range(count),
        batch_size=None,
        collate_fn=_as_it_is,
        # Its own, so that the loader takes nothing from the generator that a training draws from.
        generator=torch.Generator(),
    )
    if processes:
        yield from loader  # a loader's process computes on one thread
    else:
        for task in range(count):
            with _one_thread():
                done = work(task)
            yield done


class _Tasks(Dataset[T], Generic[T]):
    def __init__(self, work: Callable[[int], T], count: int) -> None:
        self.work, self.count = work, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, task: int) -> T:
        return self.work(task)


def _as_it_is(result: Any) -> Any:
    """Through the pipe as numpy: tensors would take shared memory, of which containers have little."""
    return result


@contextmanager
def _one_thread() -> Iterator[None]:
    """Small arrays gain nothing from more threads, which on a busy machine wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
