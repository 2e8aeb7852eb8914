"""Reading a checkpoint: the newest one that is whole; tensors and plain values, never code.

A training numbers its checkpoints. Beside `000007.ckpt` stands its manifest, `000007.json`, with the file's size and
SHA-256. It is written last: a file without one was never finished, and one that does not agree with it is damaged, of
which torch's own format says nothing where a bit has flipped. `last.ckpt` is another name of the newest.
"""

import hashlib
import json
import logging
import os
import pickle
import struct
import warnings
import zipfile
from io import BufferedReader
from pathlib import Path
from typing import Any

import torch

from selfsup.types import ConfigError, DataError

LAST = Path("checkpoint") / "last.ckpt"
"""Where a run folder keeps its newest checkpoint."""
log = logging.getLogger(__name__)
_LONGEST_MANIFEST_BYTES = 2**16
_NO_CHECKPOINT: tuple[type[Exception], ...] = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, struct.error, EOFError, RuntimeError, ValueError, TypeError),
    *(LookupError, AttributeError, AssertionError, ArithmeticError, MemoryError),
)
"""How torch's unpickler, which calls nothing but what makes tensors, ends on what it did not expect."""


def read_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """The newest checkpoint of a run folder that is whole, or a checkpoint file.

    Raises:
        ConfigError: there is none.
        DataError: the file is torn or damaged, or holds more than tensors and plain values; in a run folder, all are.
    """
    if path.is_dir():
        return newest(path, map_location)[1]
    if not path.is_file():
        raise _nothing(path)
    return _read(path.resolve() if path.is_symlink() else path, map_location)


def newest(run: Path, map_location: Any = "cpu") -> tuple[Path, dict[str, Any]]:
    """The newest checkpoint of a run folder that is whole, and its file; a log line for each one that was skipped.

    Raises:
        ConfigError: none was ever finished.
        DataError: all are damaged; says how.
    """
    candidates = finished(run)
    if not candidates:
        raise _nothing(run)
    faults = [f"{file}: never finished (no {_manifest(file).name})" for file in _unfinished(run)]
    for file in candidates:
        try:
            checkpoint = _read(file, map_location)
        except DataError as fault:
            faults.append(str(fault))
            continue
        for skipped in faults:
            log.warning("checkpoint skipped: %s", skipped)
        return file, checkpoint
    raise _none_whole(run, faults)


def finished(run: Path) -> list[Path]:
    """Files of a run folder's finished checkpoints, newest first; one from before there were manifests is the last."""
    files = [file.with_suffix(".ckpt") for file in numbered(run / LAST.parent) if file.suffix == ".json"]
    alone = run / LAST
    return files + ([alone] if alone.is_file() and not alone.is_symlink() else [])


def numbered(folder: Path) -> list[Path]:
    """Checkpoints and manifests, newest first, and a checkpoint's manifest before it."""
    files = [file for file in folder.glob("*.*") if file.suffix in (".ckpt", ".json") and file.stem.isdecimal()]
    return sorted(files, key=lambda file: (int(file.stem), file.suffix), reverse=True)


def _unfinished(run: Path) -> list[Path]:
    files = [file for file in numbered(run / LAST.parent) if file.suffix == ".ckpt"]
    return [file for file in files if not _manifest(file).is_file()]


def _manifest(file: Path) -> Path:
    return file.with_suffix(".json")


def _nothing(path: Path) -> ConfigError:
    return ConfigError(f"{path}: no checkpoint there; name a run folder (with {LAST}) or a checkpoint file")


def _none_whole(run: Path, faults: list[str]) -> DataError:
    if len(faults) == 1:
        return DataError(faults[0])
    listed = "\n".join(f"  {fault}" for fault in faults)
    return DataError(f"{run}: none of its checkpoints is whole; bring one back from a copy, or train anew:\n{listed}")


def _read(file: Path, map_location: Any) -> dict[str, Any]:
    """A file's content, compared with its manifest where it has one."""
    try:
        with file.open("rb") as stream:
            _verify(file, stream)
            return _load(file, stream, map_location)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error


def _verify(file: Path, stream: BufferedReader) -> None:
    """Whether the bytes are those that were written; a file without number or manifest is taken as it is."""
    manifest = _manifest(file)
    if not (file.stem.isdecimal() and manifest.is_file()):
        return
    try:
        with manifest.open("rb") as text:
            told = json.loads(text.read(_LONGEST_MANIFEST_BYTES))["files"][file.name]
        size, digest = told["bytes"], told["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{file}: damaged: its manifest {manifest.name} cannot be read") from error
    found = os.fstat(stream.fileno()).st_size
    if found != size:
        raise DataError(f"{file}: damaged: it has {found} bytes, and {size} were written")
    if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
        raise DataError(f"{file}: damaged: its bytes are not those that were written (SHA-256)")


def _load(file: Path, stream: BufferedReader, map_location: Any) -> dict[str, Any]:
    if fault := _archive_fault(stream):
        raise DataError(f"{file}: not a checkpoint that can be read ({fault})")
    stream.seek(0)
    try:
        with warnings.catch_warnings(action="ignore"):  # torch advises to load what it refuses in another way
            checkpoint = torch.load(stream, map_location=map_location, weights_only=True)
    except _NO_CHECKPOINT as error:
        raise DataError(f"{file}: not a checkpoint that can be read ({_reason(error)})") from error
    if not isinstance(checkpoint, dict) or "config" not in checkpoint:
        raise DataError(f"{file}: not a checkpoint of selfsup (no configuration inside)")
    if fault := _config_fault(checkpoint["config"]):
        raise DataError(f"{file}: not a checkpoint of selfsup (its configuration {fault})")
    return checkpoint


def _reason(error: Exception) -> str:
    """Of what torch says the first line; where it refuses a call, its advice to run it is left out."""
    if isinstance(error, pickle.UnpicklingError) or "weights_only" in str(error):
        return "it holds more than tensors and plain values, or is damaged"
    return next(iter(str(error).splitlines()), type(error).__name__)


def _archive_fault(stream: BufferedReader) -> str:
    """What is wrong with a file as an archive, "" for nothing: torch stores parts as they are, one after the other."""
    if not zipfile.is_zipfile(stream):  # its directory is at the end: a file that was cut short has none
        return "cut short, or no checkpoint at all"
    try:
        parts = zipfile.ZipFile(stream).infolist()
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError) as error:
        return str(error)
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        return "compressed, so that it may be far larger than it looks"
    if sum(part.file_size for part in parts) > os.fstat(stream.fileno()).st_size:
        return "says that it is larger than it is"
    return ""


def _config_fault(config: Any) -> str:
    """What is wrong with a configuration: it was saved plain, and an interpolation would read the environment."""
    if not isinstance(config, dict):
        return "is none"
    try:
        text = json.dumps(config)
    except (TypeError, ValueError, RecursionError):
        return "holds more than plain values"
    return "has an interpolation in it" if "${" in text else ""
