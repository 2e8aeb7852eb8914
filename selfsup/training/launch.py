"""One process for each device, started by the command itself, so that nobody needs torchrun on one machine.

The command stays, as the parent: it hands signals on, ends all processes when one has failed, and answers with the exit
code of that one. Lightning's own launcher trains in the parent: there nobody is left to end a process that waits for a
dead one, and each process composes a run folder of its own.
"""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

from selfsup.interpreter import running
from selfsup.processors import processors
from selfsup.signals import listening
from selfsup.spelling import quoted
from selfsup.stopping import SIGNALS, how_to_go_on
from selfsup.training.ranks import environment
from selfsup.types import RESUMABLE, Interrupted

GRACE_S = 30.0
"""After a process has failed, the others may close their files so long."""
POLL_S = 0.1


def is_parent(devices: int) -> bool:
    """Whether several devices are asked for, and nobody (torchrun, srun, `launch`) has started their processes."""
    found = environment()
    alone = found is None or (isinstance(found, SLURMEnvironment) and found.world_size() == 1)
    return devices > 1 and alone


def launch(devices: int, folder: Path) -> dict[str, float]:
    """Run this command once for each device, in one run folder; returns the scores that the first one reports.

    Args:
        devices: how many.
        folder: the run folder; the configuration lies in it.

    Raises:
        Interrupted: a signal asked to stop; the training can be taken up.
        SystemExit: a process failed, with its exit code; it has said why.
        RuntimeError: the same in a sweep, which goes on.
    """
    codes, heard = _run(devices)
    if RESUMABLE in codes:
        raise Interrupted("")  # the process has said how to go on
    if heard and any(codes):
        raise Interrupted(f"stopped by {heard[0].name}. {how_to_go_on(folder)}")
    for rank, code in enumerate(codes):
        if code:
            _fail(rank, code)
    metrics = json.loads((folder / "report.json").read_text())["metrics"]
    return {name: math.nan if value is None else value for name, value in metrics.items()}


def _run(devices: int) -> tuple[list[int], list[signal.Signals]]:
    """Start the processes and wait for them -> exit codes, and the signals that were handed on: they decide."""
    processes: list[subprocess.Popen[bytes]] = []
    heard: list[signal.Signals] = []

    def hand_on(number: int, frame: FrameType | None) -> None:
        del frame
        heard.append(signal.Signals(number))
        for process in processes:
            process.send_signal(number)

    port = _free_port()
    with listening(SIGNALS, hand_on):
        for rank in range(devices):
            processes.append(subprocess.Popen(_command(), env=_environment(rank, devices, port)))
        return _attend(processes), heard


def _command() -> list[str]:
    """The command that this process was given; of a sweep, this job's.

    The folder is the parent's, which has kept Hydra's records there.
    """
    hydra = HydraConfig.get()
    given = list(hydra.overrides.task) if hydra.mode is RunMode.MULTIRUN else sys.argv[1:]
    places = {"hydra.run.dir": hydra.runtime.output_dir, "hydra.sweep.dir": hydra.sweep.dir}
    told = [f"{key}={quoted(str(value))}" for key, value in places.items()]
    return [*running("selfsup"), *given, *told, "hydra.output_subdir=null"]


def _environment(rank: int, devices: int, port: int) -> dict[str, str]:
    """What torchrun would set."""
    threads = str(max(1, processors() // devices))
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": devices, "LOCAL_WORLD_SIZE": devices}
    numbers["MASTER_PORT"] = port
    told = {name: str(value) for name, value in numbers.items()}
    return {"OMP_NUM_THREADS": threads, **os.environ, **told, "MASTER_ADDR": "127.0.0.1"}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _attend(processes: list[subprocess.Popen[bytes]]) -> list[int]:
    """Wait for all -> exit codes; those that have not followed one that failed within GRACE_S are killed: code 0."""
    failed_s: float | None = None
    killed = set()
    while any(process.poll() is None for process in processes):
        if failed_s is None and any(process.poll() for process in processes):
            failed_s = time.monotonic()
        if failed_s is not None and time.monotonic() - failed_s > GRACE_S:
            killed = {place for place, process in enumerate(processes) if process.poll() is None}
            for place in killed:
                processes[place].kill()
                processes[place].wait()
        time.sleep(POLL_S)
    return [0 if place in killed else process.returncode for place, process in enumerate(processes)]


def _fail(rank: int, code: int) -> None:
    """End as the process did; of one that was killed, which could not say so, say it."""
    by = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"failed (exit code {code})"
    if HydraConfig.get().mode is RunMode.MULTIRUN:
        raise RuntimeError(f"process {rank} of this job {by}; its message is in the output")
    raise SystemExit(f"\nselfsup: process {rank} {by}" if code < 0 else code)
