"""The job's own side of a sweep: it leaves what its task returned, and does not outlive the sweep unnoticed.

Linux tells a process when its parent has died (prctl(2), PR_SET_PDEATHSIG); a training then saves, and ends. Elsewhere
the lock on its folder says that it is still at work.
"""

import ctypes
import json
import math
import os
import signal
import sys
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from selfsup.durable import replacing

RESULT = "result.json"
_PR_SET_PDEATHSIG = 1


class Result(Callback):
    """Hydra's callback within a job.

    Args:
        sweep: number of the process that started it.
    """

    def __init__(self, sweep: int) -> None:
        self.sweep = sweep

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Be told when the sweep dies; end, if it has."""
        del config, kwargs
        if not sys.platform.startswith("linux") or "RANK" in os.environ:  # a rank's parent is its job, and hands on
            return
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self.sweep:
            os.kill(os.getpid(), signal.SIGTERM)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Leave the value; a job that failed has none."""
        del kwargs
        if job_return.status is JobStatus.COMPLETED:
            with replacing(Path(config.hydra.runtime.output_dir) / RESULT) as file:
                file.write(json.dumps({"value": number(job_return.return_value)}).encode())


def number(value: float | None) -> float | None:
    """What JSON has a word for: one that is not finite becomes null."""
    return float(value) if value is not None and math.isfinite(value) else None
