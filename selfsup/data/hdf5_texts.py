"""Text of any length from an HDF5 file, read by a process of its own, which can be given up.

Such text lies in a heap of its file. Where the heap is damaged, the library follows it in circles for ever, where no
signal of Python's reaches it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from selfsup.extras import optional
from selfsup.interpreter import running
from selfsup.types import DataError

PATIENCE_S = 60.0
"""For a process to start and read."""
_ROWS_PER_S = 20_000
"""And for each row; a fiftieth of what a core reads."""


def texts_of(file: Path, name: str, count: int) -> list[str]:
    """The dataset of `count` texts.

    Raises:
        DataError: the file is damaged: it cannot be read, or not within a minute and a second per 20,000 texts.
    """
    limit_s = PATIENCE_S + count / _ROWS_PER_S
    command = [*running(__name__), str(file.resolve()), name]
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit_s, check=True)
    except subprocess.TimeoutExpired as error:
        raise _damaged(file, name, f"not read within {limit_s:.0f} s") from error
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise _damaged(file, name, last or f"its reader died ({error.returncode})") from error
    texts: list[str] = json.loads(done.stdout)
    return texts


def _damaged(file: Path, name: str, why: str) -> DataError:
    return DataError(f"{file}: dataset {name!r}: damaged HDF5 file ({why}); get it again")


def _main() -> None:
    """Write the texts as JSON; the process that has asked reads them."""
    _, file, name = sys.argv
    with optional("h5py", "formats").File(file, "r") as h5:
        json.dump(list(h5[name].asstr(errors="replace")[:]), sys.stdout)


if __name__ == "__main__":
    _main()
