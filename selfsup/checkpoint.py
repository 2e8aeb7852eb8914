"""Reading a checkpoint: tensors and plain values, never code."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from selfsup.types import ConfigError, DataError

LAST = Path("checkpoint") / "last.ckpt"
"""Where a run folder keeps its newest checkpoint."""


def read_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """The checkpoint of a run folder, or a checkpoint file.

    Raises:
        ConfigError: there is none.
        DataError: the file is torn, or holds more than tensors and plain values.
    """
    file = path / LAST if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(f"{path}: no checkpoint there; name a run folder (with {LAST}) or a checkpoint file")
    if not zipfile.is_zipfile(file):  # its directory is at the end: a file that was cut short has none
        raise DataError(f"{file}: not a checkpoint that can be read (cut short, or no checkpoint at all)")
    try:
        checkpoint = torch.load(file, map_location=map_location, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"{file}: not a checkpoint that can be read ({reason})") from error
    if not isinstance(checkpoint, dict) or "config" not in checkpoint:
        raise DataError(f"{file}: not a checkpoint of selfsup (no configuration inside)")
    return checkpoint
