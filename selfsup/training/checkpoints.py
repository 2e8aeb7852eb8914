"""Checkpoints that are whole or not there: written beside their final name, flushed to the disk, then renamed.

Lightning's own writer stages in the temporary folder; where that is another file system, a full disk or a kill leaves a
torn file under the final name and the previous checkpoint is gone.
"""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from selfsup.checkpoint import read_checkpoint
from selfsup.durable import replacing


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint format; saved atomically, loaded without running code."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write to the same folder, fsync, rename, fsync the folder."""
        del storage_options
        final = Path(path)
        final.parent.mkdir(parents=True, exist_ok=True)
        with replacing(final) as file:
            torch.save(checkpoint, file)

    def load_checkpoint(self, path: str | Path, map_location: Any = None, weights_only: bool | None = None) -> Any:
        """Tensors and plain values only, whatever the caller asks for."""
        del weights_only
        return read_checkpoint(Path(path), map_location)
