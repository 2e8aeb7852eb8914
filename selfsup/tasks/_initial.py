"""A training may start from the encoder of another one."""

from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from selfsup.checkpoint import read_checkpoint
from selfsup.embed import evaluation_mode, load_encoder
from selfsup.encoders.base import Encoder
from selfsup.tasks._plain import plain
from selfsup.types import ConfigError

FREE = ("pretrained", "drop_path", "dropout")
"""Parameters in which two encoders with the same weights may differ: in evaluation they are the same."""


def start_from(encoder: Encoder, cfg: DictConfig) -> None:
    """Give the encoder of this configuration the weights of the one in `task.init_from`.

    Raises:
        ConfigError: there is no checkpoint, or its encoder is another one: of other shapes, or one that makes another
            embedding of the same image.
        DataError: the checkpoint cannot be read.
    """
    checkpoint = Path(cfg.task.init_from).expanduser()
    trained = load_encoder(checkpoint, tuple(cfg.trust))
    try:
        encoder.load_state_dict(trained.state_dict())
    except RuntimeError as error:
        reason = str(error).splitlines()[1:2] or [str(error)]
        raise ConfigError(_differ(checkpoint, cfg, reason[0].strip())) from error
    if not _agree(encoder, trained, cfg.data.size_px):
        raise ConfigError(_differ(checkpoint, cfg, "with its weights this one makes another embedding of an image"))


@torch.no_grad()
def _agree(encoder: Encoder, trained: Encoder, size_px: int) -> bool:
    """Whether both say the same of an image: weights that fit do not tell strides and scales."""
    random = torch.Generator().manual_seed(0)
    image = torch.rand(1, encoder.mean.shape[1], size_px, size_px, generator=random)
    with evaluation_mode(encoder), evaluation_mode(trained):
        return torch.allclose(encoder(image), trained(image), rtol=1e-3, atol=1e-5)


def _differ(checkpoint: Path, cfg: DictConfig, reason: str) -> str:
    there: dict[str, Any] = read_checkpoint(checkpoint)["config"]["encoder"]
    here = plain(cfg.encoder)
    keys = [key for key in {**there, **here} if key not in FREE and there.get(key) != here.get(key)]
    named = "; ".join(f"encoder.{key} is {there.get(key)} there and {here.get(key)} here" for key in keys)
    return (
        f"task.init_from: the encoder in {checkpoint} is another one ({named or reason}); choose the encoder and the "
        "data.size_px that it was trained with, or another run"
    )
