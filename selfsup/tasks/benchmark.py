"""Score an encoder on named benchmarks, beside what no learning gives; the scores land in benchmark.json."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.checkpoint import read_checkpoint
from selfsup.config import build
from selfsup.embed import load_encoder, load_untrained
from selfsup.encoders.base import Encoder
from selfsup.report.benchmark_file import NAME
from selfsup.tasks._benchmarks import read_benchmarks
from selfsup.tasks._plain import plain
from selfsup.tasks._report import show
from selfsup.tasks._scoring import Describer, Embedder, Pixels, score, shown
from selfsup.types import ConfigError

# The encoder is the checkpoint's or is built here; data and probes are the benchmarks'.
USES = ()
WHO = ("trained", "untrained", "pixels")
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """Score what `task.encoders` names; returns `<benchmark>/<metric>` of the first of them.

    Raises:
        ConfigError: no benchmark, folders that are missing, or encoders that cannot be had.
    """
    checkpoint = None if cfg.task.checkpoint is None else Path(cfg.task.checkpoint).expanduser()
    benchmarks = read_benchmarks(cfg, _size_px(cfg, checkpoint))
    if not benchmarks:
        raise ConfigError("benchmark: none is chosen; write benchmark=[sky_votes], or others that selfsup --help lists")
    encoders = _encoders(cfg, checkpoint)
    folder = _folder(cfg, checkpoint)
    record = score(benchmarks, encoders, folder, tuple(cfg.trust))
    log.info("scores: %s", folder / NAME)
    found = shown(record, benchmarks, next(iter(encoders)))
    show(found)
    return found


def _encoders(cfg: DictConfig, checkpoint: Path | None) -> dict[str, Describer]:
    asked = [who for who in cfg.task.encoders if who != "trained" or checkpoint is not None]
    if not asked or set(asked) - set(WHO):
        raise ConfigError(
            f"task.encoders: {list(cfg.task.encoders)}; name some of {', '.join(WHO)}, the first with task.checkpoint"
        )
    config = plain(cfg) if checkpoint is None else read_checkpoint(checkpoint)["config"]
    found: dict[str, Describer] = {}
    for who in asked:
        if who == "pixels":
            found[who] = Pixels(cfg.task.pixel_components)
        else:
            found[who] = Embedder(_encoder(cfg, checkpoint, who), config, who == "trained")
    return found


def _encoder(cfg: DictConfig, checkpoint: Path | None, who: str) -> Encoder:
    trust = tuple(cfg.trust)
    if checkpoint is not None:
        return load_encoder(checkpoint, trust) if who == "trained" else load_untrained(checkpoint, trust)
    torch.manual_seed(cfg.seed)
    encoder: Encoder = build(cfg.encoder, "encoder", trust=trust)
    return encoder


def _size_px(cfg: DictConfig, checkpoint: Path | None) -> int:
    if cfg.task.size_px is not None:
        return int(cfg.task.size_px)
    return int(cfg.data.size_px if checkpoint is None else read_checkpoint(checkpoint)["config"]["data"]["size_px"])


def _folder(cfg: DictConfig, checkpoint: Path | None) -> Path:
    if cfg.task.output is not None:
        return Path(cfg.task.output).expanduser()
    if checkpoint is not None and checkpoint.is_dir():
        return checkpoint
    return Path(HydraConfig.get().runtime.output_dir)
