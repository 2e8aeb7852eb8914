"""Lives of a stage: processes that are started, heard, and ended."""

import importlib
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from soak_stages import Stage

IMPORTED = ("selfsup.tasks.resume", "selfsup.tasks.explore", "selfsup.tasks.label", "selfsup.tasks.embed")
IMPORTED += ("selfsup.tasks.hunt", "selfsup.tasks.probe", "selfsup.data.images", "selfsup.encoders.convnet")
IMPORTED += ("selfsup.objectives.ntxent", "selfsup.objectives.dirichlet", "selfsup.probes.knn", "torch._dynamo")
"""Once, by the parent, from which every life is forked."""
POLITE = (0, 75, -signal.SIGTERM)
"""How a process may end that was asked to."""


@dataclass
class Life:
    """A stage at work.

    Args:
        stage: it.
        process: its number.
        spoken: bytes that earlier lives have said.
        end_s: when it is to end.
        at_a_write: whether it is, from then on, as soon as something is being written.
        before: what the dead had left half-written.
    """

    stage: Stage
    process: int
    spoken: int
    end_s: float
    at_a_write: bool
    before: set[Path]

    def said(self) -> str:
        """What it has said so far."""
        return words(self.stage).read_bytes()[self.spoken :].decode(errors="replace")

    def jobs(self) -> list[int]:
        """Processes that it has started."""
        listed = Path(f"/proc/{self.process}/task/{self.process}/children")
        return [int(number) for number in listed.read_text().split()] if listed.exists() else []

    def code(self, within_s: float) -> int | None:
        """Its exit code; None where it still lives after so long."""
        until_s = time.monotonic() + within_s
        while True:
            found, status = os.waitpid(self.process, os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= until_s:
                return None
            time.sleep(0.005)


def words(stage: Stage) -> Path:
    """What its lives say, beside its folder."""
    return stage.folder.with_name(f"{stage.folder.name}.txt")


def born(stage: Stage, arguments: list[str]) -> int:
    """Begin a life, in a process of its own -> its number."""
    words(stage).touch()
    sys.stdout.flush()
    process = os.fork()
    if not process:
        try:
            _live(stage, arguments)
        finally:
            os._exit(1)
    return process


def _live(stage: Stage, arguments: list[str]) -> None:
    with words(stage).open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(stage.folder)
    os.environ["SELFSUP_CACHE"] = str(stage.cache)
    sys.argv = ["selfsup", *arguments]
    code: object = 1
    try:
        importlib.import_module("selfsup.__main__").main()
        code = 0
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            sys.stderr.write(code)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
