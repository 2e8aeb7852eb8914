"""Encoder and images -> Catalogue, checkpoint -> encoder: the bridge between learning and looking."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.nn import functional as F

from selfsup.catalogue import Catalogue
from selfsup.checkpoint import read_checkpoint
from selfsup.config import build
from selfsup.encoders.base import Encoder
from selfsup.encoders.dihedral import make_symmetric, symmetric
from selfsup.types import Batch, DataError

_HALF_MAX = torch.finfo(torch.float16).max


def as_float(image: Tensor) -> Tensor:
    """uint8 or float (B, C, H, W) -> float32 in [0, 1]."""
    return image.float() / 255 if image.dtype == torch.uint8 else image.float()


@torch.inference_mode()
def embed(
    encoder: Encoder,
    loader: Iterable[Batch],
    columns: Mapping[str, np.ndarray] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Catalogue:
    """Embed every galaxy of the loader, in its order, in evaluation mode and single precision.

    Args:
        encoder: left in the mode (training or evaluation) in which it came.
        loader: batches of galaxies.
        columns: further columns, one value per galaxy in the loader's order.
        provenance: what made the embedding.
    """
    ids: list[str] = []
    rows: list[np.ndarray] = []
    with evaluation_mode(encoder):
        for batch in loader:
            ids += batch["id"]
            rows.append(encoder(as_float(batch["image"].to(device_of(encoder)))).float().cpu().numpy())
    embedding = np.concatenate(rows) if rows else np.empty((0, encoder.dim), dtype=np.float32)
    return Catalogue.from_arrays(ids, embedding, dict(columns or {}), dict(provenance or {}))


@torch.inference_mode()
def feature_maps(encoder: Encoder, loader: Iterable[Batch], cells: int) -> np.ndarray:
    """What the encoder says of each place: the maps of its pyramid on one grid, side by side.

    These are hypercolumns (Hariharan et al. 2015, arXiv:1411.5752, section 3): fine maps know where, coarse ones what.

    Args:
        encoder: left in the mode (training or evaluation) in which it came.
        loader: batches of galaxies.
        cells: along each edge of the grid.

    Returns:
        (N, cells, cells, D) float16, where D is the sum of the pyramid's widths.
    """
    found: list[np.ndarray] = []
    with evaluation_mode(encoder):
        for batch in loader:
            levels = encoder.pyramid(as_float(batch["image"].to(device_of(encoder))))
            grids = [F.interpolate(each.float(), (cells, cells), mode="bilinear", antialias=True) for each in levels]
            # Half precision halves some hundred MB; beyond its range it would become infinite.
            column = torch.cat(grids, dim=1).clamp(-_HALF_MAX, _HALF_MAX).half()
            found.append(column.permute(0, 2, 3, 1).contiguous().cpu().numpy())
    return np.concatenate(found)


class evaluation_mode:
    """Context in which a module evaluates; each of its parts returns to the mode it had."""

    def __init__(self, module: nn.Module) -> None:
        self.modes = {part: part.training for part in module.modules()}
        self.module = module

    def __enter__(self) -> None:
        self.module.eval()

    def __exit__(self, *_: object) -> None:
        for part, mode in self.modes.items():
            part.training = mode


def device_of(module: nn.Module) -> torch.device:
    """Where the module's parameters are."""
    return next(module.parameters()).device


def load_objective(checkpoint: Path, trust: Sequence[str] = (), symmetries: int = 1) -> Any:
    """The trained objective (encoder, heads) of a run folder or checkpoint file, in evaluation mode, on the CPU.

    Its classes pass the same gate as a configuration's.

    Args:
        checkpoint: run folder or file.
        trust: packages whose classes it may name.
        symmetries: orientations of a picture over which its encoders average: 1 (as trained), or 8.

    Raises:
        ConfigError: no checkpoint there, its classes are not trusted, or no such symmetries.
        DataError: the file is torn, or its weights are not those of its configuration.
    """
    saved = read_checkpoint(checkpoint)
    _require_parts(saved, checkpoint)
    cfg = OmegaConf.create(saved["config"])
    if "pretrained" in cfg.encoder:
        cfg.encoder.pretrained = False  # the weights are here: none need to be fetched
    encoder = build(cfg.encoder, "encoder", trust=trust)
    objective = build(cfg.objective, "objective", encoder, trust=trust)
    prefix = "objective."
    weights = {k.removeprefix(prefix): v for k, v in saved["state_dict"].items() if k.startswith(prefix)}
    try:
        objective.load_state_dict(weights)
    except RuntimeError as error:
        raise DataError(f"{checkpoint}: the weights do not fit their configuration: {error}") from error
    if cfg.trainer.get("channels_last"):  # as in the training: the memory format decides the last bits of a convolution
        objective.to(memory_format=torch.channels_last)
    make_symmetric(objective, symmetries)
    return objective.eval().requires_grad_(False)


def _require_parts(saved: Mapping[str, Any], checkpoint: Path) -> None:
    """Raise DataError where a checkpoint lacks what makes an objective of it."""
    config, weights = saved["config"], saved.get("state_dict")
    lacking = [name for name in ("encoder", "objective", "trainer") if not isinstance(config.get(name), dict)]
    if lacking:
        raise DataError(
            f"{checkpoint}: not the checkpoint of a training (no {', '.join(lacking)} in its configuration)"
        )
    if not isinstance(weights, dict):
        raise DataError(f"{checkpoint}: not the checkpoint of a training (no weights)")
    if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()):
        raise DataError(f"{checkpoint}: not the checkpoint of a training (weights that are no tensors)")


def load_encoder(checkpoint: Path, trust: Sequence[str] = (), symmetries: int = 1) -> Encoder:
    """The encoder that a training published (a teacher, where the method publishes its teacher); errors as above."""
    encoder: Encoder = load_objective(checkpoint, trust, symmetries).online_encoder()
    return encoder


def load_untrained(checkpoint: Path, trust: Sequence[str] = (), symmetries: int = 1) -> Encoder:
    """The same encoder before its training, with the same first weights; errors as above."""
    cfg = OmegaConf.create(read_checkpoint(checkpoint)["config"])
    torch.manual_seed(cfg.seed)
    return symmetric(build(cfg.encoder, "encoder", trust=trust), symmetries)
