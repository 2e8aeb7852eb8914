"""Checkpoints that are whole or not there: written beside their final name, flushed to the disk, then renamed.

Lightning's own writer stages in the temporary folder; where that is another file system, a full disk or a kill leaves a
torn file under the final name and the previous checkpoint is gone. Here every checkpoint is a new file, its manifest is
written last (see `selfsup.checkpoint`), and the one before it goes only after that.
"""

import hashlib
import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import lightning as L
import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from selfsup.checkpoint import newest, numbered, read_checkpoint
from selfsup.durable import point, replacing
from selfsup.training.ranks import Ranks
from selfsup.types import DataError

log = logging.getLogger(__name__)


class NonFiniteWeightsError(RuntimeError):
    """Weights became NaN or infinite."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint format; each one saved under a new number with a manifest, loaded without running code.

    Args:
        ranks: those that train together; the first one saves, and chooses what all of them load.
    """

    def __init__(self, ranks: Ranks | None = None) -> None:
        super().__init__()
        self._ranks = ranks or Ranks()
        self._known: Path | None = None
        """The newest checkpoint that is known to be whole: written or loaded by this process."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write the next number, let `path` point to it, and keep one checkpoint from before.

        Raises:
            DataError: the disk is full, or cannot be written; what was saved before is untouched.
        """
        del storage_options
        link = Path(path)
        folder = link.parent
        file = folder / f"{max((int(old.stem) for old in numbered(folder)), default=0) + 1:06}.ckpt"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(checkpoint, file)
        except OSError as error:
            file.unlink(missing_ok=True)
            raise DataError(
                f"{folder}: the checkpoint of step {checkpoint.get('global_step')} could not be written "
                f"({error.strerror}); those before it are untouched. Make room and go on with task=resume"
            ) from error
        with suppress(OSError):  # a file system without symbolic links: the number is found without the name
            point(link, file)
        _remove_all_but(folder, {file} | ({self._known} if self._known else set()))
        self._known = file

    def load_checkpoint(self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = None) -> Any:
        """The newest whole checkpoint of a run folder, or a file; plain values only, whatever the caller asks for."""
        del weights_only
        if not Path(path).is_dir():
            return read_checkpoint(Path(path), map_location)
        if self._ranks.is_first:
            self._known, checkpoint = newest(Path(path), map_location)
            log.info("going on after step %s (%s)", checkpoint.get("global_step"), self._known)
        chosen = Path(self._ranks.agree(lambda: str(self._known)))
        return checkpoint if self._ranks.is_first else read_checkpoint(chosen, map_location)


class FiniteWeights(L.Callback):
    """Refuses to save weights that no training can go on from."""

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Look at every weight; on all ranks, so that all of them stop.

        Raises:
            NonFiniteWeightsError: with the step and the first weights at fault; the last checkpoint is from before.
        """
        del checkpoint
        weights = dict(pl_module.named_parameters())
        whole = torch.stack([weight.detach().isfinite().all() for weight in weights.values()])
        if whole.all():  # one wait for the device, not one for each weight
            return
        faulty = [name for name, finite in zip(weights, whole.tolist(), strict=True) if not finite]
        raise NonFiniteWeightsError(
            f"{len(faulty)} of {len(weights)} weights are NaN or infinite after step {trainer.global_step} "
            f"({', '.join(faulty[:3])}), so this step is not saved; lower optimizer.lr or trainer.clip_norm"
        )


class _Hashed:
    """What torch writes goes to the file and into the digest at once: nothing is read a second time.

    An error of the disk is kept until torch is done; raised within its C++ writer, it would come out as another one.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.digest = hashlib.sha256()
        self.size = 0
        self.failure: OSError | None = None

    def write(self, data: bytes | memoryview) -> int:
        size = memoryview(data).nbytes
        self.digest.update(data)
        self.size += size
        if self.failure is None:
            try:
                self.stream.write(data)
            except OSError as error:
                self.failure = error
        return size

    def flush(self) -> None:
        """`replacing` flushes, once."""


def _write(checkpoint: dict[str, Any], file: Path) -> None:
    """The file, then its manifest: from then on it counts."""
    with replacing(file) as stream:
        written = _Hashed(stream)
        torch.save(checkpoint, written)  # type: ignore[arg-type]  # torch needs no more than write and flush
        if written.failure is not None:
            raise written.failure
    told = {"bytes": written.size, "sha256": written.digest.hexdigest()}
    manifest = {"global_step": checkpoint.get("global_step"), "files": {file.name: told}}
    with replacing(file.with_suffix(".json")) as stream:
        stream.write(json.dumps(manifest, indent=1).encode())


def _remove_all_but(folder: Path, kept: set[Path]) -> None:
    for old in numbered(folder):
        if old.with_suffix(".ckpt") not in kept:
            old.unlink(missing_ok=True)
