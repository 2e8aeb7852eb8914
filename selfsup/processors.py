"""How many processors this process may use: fewer than the machine has, inside a container or a job of a cluster."""

from __future__ import annotations

import os


def processors() -> int:
    """At least one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
