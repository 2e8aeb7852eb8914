"""A loader whose processes are looked after: one that died or hangs is named, and what it was at work on.

PyTorch's own loader waits for ever for a process that hangs, and of one that died says the number alone. A process
that computes is slow, not hung: only one that has used no processor time for long is given up.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from torch.utils.data import DataLoader, Dataset, get_worker_info

from selfsup.types import DataError

T = TypeVar("T")
SLOW_S = 20
"""Without a batch for so long, the log says who is waited for."""
HUNG_S = 60.0
"""A process that has used no processor time for so long hangs."""
_SHOWN_BYTES = 400
_DEAD = re.compile(r"DataLoader worker \(pid(?:\(s\))? (\d+)[^)]*\) (?:is )?(.*?)(?:\. |\.?$)")
log = logging.getLogger(__name__)
_alive: WeakSet[Attended[Any]] = WeakSet()
"""Loaders of this process."""


class Attended(DataLoader[T]):
    """A loader of whole batches.

    Args:
        dataset: index -> batch; where it has `names`, index -> ids, they are told of a batch that is never made.
        workers: processes; 0 for none, and nothing to attend.
        named: DataLoader's other arguments.
    """

    def __init__(self, dataset: Dataset[T], workers: int, **named: Any) -> None:
        self.board = [RawArray(ctypes.c_char, _SHOWN_BYTES) for _ in range(workers)]
        noted = _Noted(dataset, self.board) if workers else dataset
        super().__init__(noted, num_workers=workers, timeout=SLOW_S if workers else 0, **named)
        _alive.add(self)

    def __iter__(self) -> Any:
        """Batches.

        Raises:
            DataError: a process died, or hangs.
        """
        if not self.num_workers:
            return super().__iter__()
        before = set(multiprocessing.active_children())
        batches = super().__iter__()
        started = [each for each in multiprocessing.active_children() if each not in before]
        return self._attended(batches, sorted(started, key=lambda each: each.pid or 0))

    def _attended(self, batches: Iterator[T], processes: Sequence[BaseProcess]) -> Iterator[T]:
        """The same batches; errors as above."""
        used, since_s = _used(processes), time.monotonic()
        while True:
            try:
                with deaths_named():
                    batch = next(batches)
            except StopIteration:
                return
            except RuntimeError as error:
                if not str(error).startswith("DataLoader timed out"):
                    raise
                before, used = used, _used(processes)
                since_s = since_s if used == before else time.monotonic()
                _wait_or_refuse(processes, time.monotonic() - since_s, error)
            else:
                yield batch
                used, since_s = _used(processes), time.monotonic()


class _Noted(Dataset[T], Generic[T]):
    """Writes down what a process is at work on, where the others can read it."""

    def __init__(self, dataset: Dataset[T], board: Sequence[Any]) -> None:
        self.dataset, self.board = dataset, board

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, index: Any) -> T:
        worker = get_worker_info()
        if worker is None:
            return self.dataset[index]
        names = self.dataset.names(index) if hasattr(self.dataset, "names") else [f"part {index}"]
        told = f"{len(names)} galaxies: {', '.join(names)}" if len(names) > 1 else names[0]
        self.board[worker.id].value = f"{os.getpid()} {told}".encode()[: _SHOWN_BYTES - 1]
        made = self.dataset[index]
        self.board[worker.id].value = b""
        return made


@contextmanager
def deaths_named() -> Iterator[None]:
    """PyTorch hears of a death at once, whatever its parent is doing: within, it is an error of the data.

    Raises:
        DataError: a process of a loader died.
    """
    try:
        yield
    except RuntimeError as error:
        dead = _DEAD.match(str(error))
        if not dead:
            raise
        raise DataError(
            f"loader process {dead[1]} has died ({dead[2]}) {_at_work(int(dead[1]))}; if it was killed for want of "
            "memory, lower trainer.workers or trainer.batch_size; start again (a training: task=resume)"
        ) from error


def _wait_or_refuse(processes: Sequence[BaseProcess], idle_s: float, error: RuntimeError) -> None:
    """Say who is waited for; give them up when none has computed for long."""
    told = "; ".join(f"process {each.pid} {_at_work(each.pid)}" for each in processes)
    if idle_s >= HUNG_S:
        for process in processes:  # asked to end, they would not, and be waited for
            process.kill()
            with suppress(RuntimeError):  # PyTorch's, who hears of it
                process.join()
        raise DataError(
            f"the loader hangs, its processes have not computed for {idle_s:.0f} s: {told}; look at these files and at "
            "the disk they are on, and start again (a training: task=resume)"
        ) from error
    log.warning("no batch for %d s; waiting for the loader: %s", SLOW_S, told)


def _at_work(process: int | None) -> str:
    said = [bytes(place.value).decode(errors="replace").partition(" ") for each in _alive for place in each.board]
    return next((f"at work on {what}" for number, _, what in said if number == str(process)), "between two batches")


def _used(processes: Sequence[BaseProcess]) -> int:
    """Ticks of processor time of all of them (proc(5): utime and stime); the clock where no one counts them."""
    files = [Path(f"/proc/{process.pid}/stat") for process in processes]
    stats = [file.read_text().rpartition(")")[2].split() for file in files if file.exists()]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) if stats else time.monotonic_ns()
