"""Whether files are whole: each by what its ending says it is."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from omegaconf import OmegaConf
from PIL import Image

from selfsup.checkpoint import finished, newest

ADDED_TO = (".csv", ".jsonl")
"""What lines are added to: a killed writer may leave half a line, which the next one removes."""


def partials(folder: Path) -> set[Path]:
    """What is being written, or was when its writer died."""
    return {file for pattern in (".*.partial", ".building-*") for file in folder.rglob(pattern)}


def gone_mid_write(folder: Path) -> bool:
    """Whether a line is torn, or a checkpoint has no manifest yet."""
    torn = (file.read_bytes()[-1:] not in (b"", b"\n") for file in _files(folder) if file.suffix in ADDED_TO)
    bare = (not file.with_suffix(".json").exists() for file in folder.rglob("checkpoint/0*.ckpt"))
    return any(torn) or any(bare)


def faulty(folder: Path, at_rest: bool) -> list[str]:
    """A sentence for each file that is not whole.

    Args:
        folder: to look at.
        at_rest: whether all has ended: then figures are whole too, no line is torn, and nothing half-written is left.
    """
    faults = [f"{file}: {fault}" for file in _files(folder) if (fault := _fault(file, at_rest))]
    faults += [fault for run in _runs(folder) if (fault := _unreadable(run))]
    return faults + ([f"{file}: half-written, and still there" for file in partials(folder)] if at_rest else [])


def _files(folder: Path) -> Iterator[Path]:
    """Those that have their final name."""
    for file in folder.rglob("*"):
        unfinished = (part.endswith(".partial") or part.startswith((".building-", ".hydra")) for part in file.parts)
        if not any(unfinished) and file.is_file():
            yield file


def _runs(folder: Path) -> list[Path]:
    return [place.parent for place in folder.rglob("checkpoint") if finished(place.parent)]


def _unreadable(run: Path) -> str:
    """Why the newest checkpoint, or any that is finished, is not whole."""
    try:
        newest(run)
    except Exception as error:  # noqa: BLE001  (whatever is wrong with it is told)
        return str(error)
    return ""


def _fault(file: Path, at_rest: bool) -> str:
    """What is wrong with a file; "" for one that is whole, or has just been removed."""
    content = b""
    with suppress(FileNotFoundError):
        content = file.read_bytes()
        try:
            readers = READERS | (AT_REST if at_rest else {})
            readers.get(file.suffix, lambda _: None)(content)
        except Exception as error:  # noqa: BLE001
            return f"{type(error).__name__}: {error}"
    return ""


def _table(content: bytes) -> None:
    rows = list(csv.reader(io.StringIO(content.decode())))
    if content[-1:] not in (b"", b"\n") or len({len(row) for row in rows}) > 1:
        raise ValueError("a row is torn")


def _lines(content: bytes) -> None:
    for line in content.decode().splitlines():
        json.loads(line)


READERS: dict[str, Callable[[bytes], object]] = {
    ".json": json.loads,
    ".parquet": lambda content: pq.read_table(io.BytesIO(content)),
    ".npy": lambda content: np.load(io.BytesIO(content), allow_pickle=False),
}
"""What is whole from the moment that it has its name."""
AT_REST: dict[str, Callable[[bytes], object]] = {
    ".csv": _table,
    ".jsonl": _lines,
    ".png": lambda content: Image.open(io.BytesIO(content)).load(),
    ".jpg": lambda content: Image.open(io.BytesIO(content)).load(),
    ".yaml": lambda content: OmegaConf.create(content.decode()),
}
"""What is whole when nobody writes."""
