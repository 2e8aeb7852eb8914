"""A job's process: in a group of its own, its output in a file, its folder locked for as long as it lives.

It is spawned, never forked from the sweep: nothing of another job is in it (dtype, seeds, threads, environment).
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from selfsup.sweeps.ledger import DONE, FAILED, INTERRUPTED
from selfsup.sweeps.reasons import oom_kills, reason, tail
from selfsup.sweeps.result import RESULT
from selfsup.types import RESUMABLE

OUTPUT = "output.log"


class JobProcess:
    """A job at work.

    Args:
        command: what runs it.
        folder: its run folder.
        lock: of the folder; the process takes it over.
        environment: variables besides those of the sweep.
    """

    def __init__(self, command: Sequence[str], folder: Path, lock: IO[bytes], environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._begun_s = time.monotonic()
        self._asked_s: float | None = None
        self._why = ""
        self._is_deaf = False
        self._oom_kills = oom_kills()
        with lock, (folder / OUTPUT).open("ab") as output:
            (folder / RESULT).unlink(missing_ok=True)
            self._begin = output.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONFAULTHANDLER": "1", **environment},
                start_new_session=True,
                pass_fds=(lock.fileno(),),
            )

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self._begun_s

    @property
    def has_ended(self) -> bool:
        """Whether it has; does not wait."""
        return self._process.poll() is not None

    def stop(self, why: str, within_s: float) -> None:
        """Ask it to save and end, once; kill it when it has not within this time."""
        if self._asked_s is None:
            self._asked_s, self._why = time.monotonic(), why
            self._process.send_signal(signal.SIGTERM)
        elif time.monotonic() - self._asked_s > within_s:
            self._is_deaf = True
            self.kill()

    def kill(self) -> None:
        """End it and all it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def ended(self) -> tuple[str, str, float | None]:
        """Wait for its end -> state, reason, value."""
        code = self._process.wait()
        value = left(self.folder)
        if code == 0 and value:
            return DONE, "", value[0]
        self.kill()  # what it has left behind
        if code == 0:
            return FAILED, f"ended without a result; see {OUTPUT}", None
        asked = self._asked_s is not None and not self._why
        died_of = "; ".join(part for part in (self._why, self._reason(code)) if part)
        return INTERRUPTED if asked or code == RESUMABLE else FAILED, died_of, None

    def _reason(self, code: int) -> str:
        if self._is_deaf:
            return "killed, for it did not end when it was asked to"
        for_memory = oom_kills() > self._oom_kills
        try:
            return reason(code, tail(self.folder / OUTPUT, self._begin), for_memory, self.folder)
        except OSError as error:
            return f"exit code {code}; what it said cannot be read: {error}"


def left(folder: Path) -> tuple[float | None] | None:
    """The value that a job has left in its folder; None where it has left none."""
    file = folder / RESULT
    return (json.loads(file.read_text())["value"],) if file.is_file() else None
