"""The jobs of a sweep at work, some at a time: started, watched, and recorded, whatever becomes of each."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from selfsup.locks import claim
from selfsup.processors import processors
from selfsup.signals import HURRY_AFTER_S, listening
from selfsup.sweeps.devices import VISIBLE, Devices
from selfsup.sweeps.ledger import DONE, FAILED, LOCK, RUNNING, Ledger, Record
from selfsup.sweeps.process import JobProcess, left

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""What ends a sweep: batch systems, Ctrl-C, a terminal that is closed."""
POLL_S = 0.1


@dataclass(frozen=True)
class Task:
    """One job for the crew.

    Args:
        record: what is known of it.
        command: what runs it, in its folder.
        gpus: how many it needs, where there are any.
    """

    record: Record
    command: Callable[[Path], Sequence[str]]
    gpus: int


class Crew:
    """Runs jobs, some at a time.

    Args:
        ledger: where all is recorded.
        devices: GPUs to lend.
        n_jobs: at a time.
        timeout_s: a job that takes longer is asked to stop; None: it may take for ever.
        grace_s: a job that was asked to stop is killed after so long.
        show: called with nothing at every look at the jobs.
    """

    def __init__(
        self,
        ledger: Ledger,
        devices: Devices,
        n_jobs: int,
        timeout_s: float | None,
        grace_s: float,
        show: Callable[[], None],
    ) -> None:
        self._ledger, self._devices, self._n_jobs = ledger, devices, n_jobs
        self._timeout_s, self._grace_s, self._show = timeout_s, grace_s, show
        self._running: list[tuple[Task, JobProcess, list[str]]] = []

    def run(self, tasks: Sequence[Task]) -> signal.Signals | None:
        """Run all that are not done -> None, or the signal that stopped it; no job is left behind in any case."""
        waiting = [task for task in tasks if task.record.state != DONE]
        with _listening() as heard:
            try:
                while self._running or (waiting and not heard):
                    waiting = waiting if heard else self._start(waiting)
                    self._look(heard)
                    self._show()
                    time.sleep(POLL_S)
            finally:
                for _, process, _ in self._running:
                    process.kill()
        return signal.Signals(heard[0][0]) if heard else None

    def _start(self, waiting: Sequence[Task]) -> list[Task]:
        """Start what there is room for -> the others."""
        return [task for task in waiting if len(self._running) >= self._n_jobs or not self._begin(task)]

    def _begin(self, task: Task) -> bool:
        """Whether it needs no more waiting: it is started, cannot be, or was done by one that outlived its sweep."""
        if self._devices.count and task.gpus > self._devices.count:
            self._note(task.record, FAILED, f"needs {task.gpus} GPUs, and there are {self._devices.count}")
            return True
        folder = self._ledger.folder / task.record.folder
        try:
            lock = claim(folder / LOCK)
            if lock is None:  # another process, of a sweep that was killed, still works in it
                return False
            found = left(folder) if task.record.state == RUNNING else None
            if found:
                task.record.value = found[0]
                self._note(task.record, DONE, "")
                lock.close()
                return True
            return self._hire(task, folder, lock)
        except OSError as error:
            self._note(task.record, FAILED, f"cannot be started: {error}")
            return True

    def _hire(self, task: Task, folder: Path, lock: IO[bytes]) -> bool:
        """Whether there were GPUs for it; then it is started."""
        lent = self._devices.lend(task.gpus)
        if lent is None:
            lock.close()
            return False
        task.record.attempts += 1
        self._note(task.record, RUNNING, "")
        try:
            process = JobProcess(task.command(folder), folder, lock, self._environment(lent))
        except OSError:
            self._devices.take_back(lent)
            raise
        self._running.append((task, process, lent))
        return True

    def _environment(self, lent: Sequence[str]) -> dict[str, str]:
        """Its share of the processors, unless the person has said; and its GPUs."""
        threads = str(max(1, processors() // self._n_jobs))
        told = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)}
        return told | ({VISIBLE: ",".join(lent)} if self._devices.count else {})

    def _look(self, heard: Sequence[tuple[int, float]]) -> None:
        """Record those that have ended; ask those to stop that should."""
        for entry in list(self._running):
            task, process, lent = entry
            task.record.seconds = round(process.seconds, 1)
            if process.has_ended:
                self._running.remove(entry)
                self._devices.take_back(lent)
                state, reason, task.record.value = process.ended()
                self._note(task.record, state, reason)
            elif heard:
                hurried = heard[-1][1] - heard[0][1] >= HURRY_AFTER_S
                process.stop("", 0.0 if hurried else self._grace_s)
            elif self._timeout_s is not None and process.seconds > self._timeout_s:
                process.stop(f"took longer than {self._timeout_s:g} s", self._grace_s)

    def _note(self, record: Record, state: str, reason: str) -> None:
        record.state, record.reason = state, reason
        self._ledger.write(record)


@contextmanager
def _listening() -> Iterator[list[tuple[int, float]]]:
    """Signals that are not ignored only add to a list: (number, when)."""
    heard: list[tuple[int, float]] = []

    def hear(number: int, frame: FrameType | None) -> None:
        del frame
        heard.append((number, time.monotonic()))

    with listening(SIGNALS, hear):
        yield heard
