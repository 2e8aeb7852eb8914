"""How a process of our own is started: with no more to import than this one has."""

from __future__ import annotations

import sys
from pathlib import Path


def running(module: str) -> list[str]:
    """The command that runs one of our modules.

    `python -m` looks for modules in the current folder first: a downloaded one with a `json.py` would be run. So it
    looks there only where this process does, which was itself started by `python -m`, or from a notebook.
    """
    looks_here = {"", str(Path.cwd())} & set(sys.path)
    return [sys.executable, *([] if looks_here else ["-P"]), "-m", module]
