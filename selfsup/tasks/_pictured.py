"""Pictures that are looked for, embedded as the catalogue was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from selfsup.checkpoint import read_checkpoint
from selfsup.data.decode import Unreadable, read_image
from selfsup.embed import embed, load_encoder
from selfsup.types import Batch, ConfigError, DataError


def embedded_files(cfg: DictConfig, made: Mapping[str, Any]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, embeddings (n, D) and pixels (n, H, W, 3) of `task.images`.

    By the encoder that made the catalogue, or `task.checkpoint`, at the same size, over the same orientations.

    Raises:
        ConfigError: the catalogue does not say which encoder made it.
        DataError: a picture cannot be read.
    """
    named = cfg.task.checkpoint or made.get("checkpoint")
    if named is None:
        raise ConfigError(
            "task.checkpoint: the catalogue does not say which encoder made it; write task.checkpoint=RUN, or search "
            "with 'task.like=[ID]'"
        )
    checkpoint = Path(named).expanduser()
    encoder = load_encoder(checkpoint, tuple(cfg.trust), made.get("symmetries") or 1)
    size_px = made.get("size_px") or read_checkpoint(checkpoint)["config"]["data"]["size_px"]
    said = [cfg.task.images] if isinstance(cfg.task.images, str) else cfg.task.images
    files = [Path(file).expanduser() for file in said]
    pictures = np.stack([_read(file, size_px) for file in files])
    names = [file.name for file in files]
    batch = Batch(id=names, image=torch.from_numpy(pictures).permute(0, 3, 1, 2))
    return names, embed(encoder, [batch]).embedding(), pictures


def _read(file: Path, size_px: int) -> np.ndarray:
    try:
        return read_image(file, size_px)
    except Unreadable as error:
        raise DataError(f"{file}: {error.reason}; name another in task.images") from error
