"""Where a training may start from, several of one encoder: untrained, or a checkpoint."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from selfsup.checkpoint import read_checkpoint
from selfsup.config import build
from selfsup.embed import load_encoder
from selfsup.encoders.base import Encoder
from selfsup.tasks._initial import FREE
from selfsup.tasks._plain import plain
from selfsup.types import ConfigError

METRICS = ("auc", "balanced_accuracy")


def read_starts(cfg: DictConfig) -> dict[str, Path | None]:
    """Name -> checkpoint, or None; all with one encoder."""
    task = plain(cfg.task)
    named = task["checkpoints"] or {}
    starts = {name: None if path is None else Path(path).expanduser() for name, path in named.items()}
    faults = []
    if task["plain"] not in starts:
        faults.append(f"task.plain: {task['plain']} is none of task.checkpoints: {', '.join(starts)}")
    if not any(starts.values()):
        faults.append("task.checkpoints: none is a trained encoder; write task.checkpoints={scratch: null, NAME: RUN}")
    if task["mode"] not in ("frozen", "finetune"):
        faults.append(f"task.mode: {task['mode']}; write frozen or finetune")
    if task["metric"] not in METRICS:
        faults.append(f"task.metric: {task['metric']}; write {' or '.join(METRICS)}")
    if faults:
        raise ConfigError("\n".join(faults))
    nodes = {path: _node(path) for path in starts.values() if path is not None}
    if len({json.dumps(node, sort_keys=True) for node in nodes.values()}) > 1:
        raise ConfigError(f"task.checkpoints: {', '.join(map(str, nodes))} have different encoders or image sizes; "
                          "compare starts of the same encoder, or draw a curve for each")  # fmt: skip
    return starts


def _node(checkpoint: Path) -> dict[str, Any]:
    """What makes its encoder another one."""
    return {key: value for key, value in _full(checkpoint).items() if key not in FREE}


def _full(checkpoint: Path) -> dict[str, Any]:
    return dict(read_checkpoint(checkpoint)["config"]["encoder"])


def start_of(first: Path, path: Path | None, trust: tuple[str, ...]) -> Callable[[int], Encoder]:
    """Seed -> the trained encoder, afresh; or an untrained one of the same kind, with the first weights of the seed."""
    if path is not None:
        trained = load_encoder(path, trust)
        return lambda seed: copy.deepcopy(trained)
    node = _full(first)
    if "pretrained" in node:
        node["pretrained"] = False

    def untrained(seed: int) -> Encoder:
        torch.manual_seed(seed)
        encoder: Encoder = build(DictConfig(node), "encoder", trust=trust)
        return encoder

    return untrained
