"""Where a training may start from, several of one encoder: untrained, or checkpoints."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
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
MODES = ("frozen", "finetune", "both")


def read_starts(cfg: DictConfig) -> dict[str, list[Path]]:
    """Name -> checkpoints, none of which is "untrained"; all with one encoder.

    Raises:
        ConfigError: starts that cannot be compared, or an unknown mode or metric.
    """
    task = plain(cfg.task)
    starts = {name: _paths(given) for name, given in (task["checkpoints"] or {}).items()}
    faults = []
    if task["plain"] not in starts:
        faults.append(f"task.plain: {task['plain']} is none of task.checkpoints: {', '.join(starts)}")
    elif starts[task["plain"]] and task["mode"] == "both":
        faults.append(
            f"task.plain: with task.mode=both it must be untrained; write task.checkpoints.{task['plain']}=null"
        )
    if not any(starts.values()):
        faults.append("task.checkpoints: none is a trained encoder; write task.checkpoints={scratch: null, NAME: RUN}")
    if task["mode"] not in MODES:
        faults.append(f"task.mode: {task['mode']}; write {', '.join(MODES[:-1])} or {MODES[-1]}")
    if task["metric"] not in METRICS:
        faults.append(f"task.metric: {task['metric']}; write {' or '.join(METRICS)}")
    if faults:
        raise ConfigError("\n".join(faults))
    nodes = {path: _node(path) for paths in starts.values() for path in paths}
    if len({json.dumps(node, sort_keys=True) for node in nodes.values()}) > 1:
        raise ConfigError(f"task.checkpoints: {', '.join(map(str, nodes))} have different encoders or image sizes; "
                          "compare starts of the same encoder, or draw a curve for each")  # fmt: skip
    return starts


def start_of(first: Path, paths: Sequence[Path], trust: tuple[str, ...]) -> Callable[[int], Encoder]:
    """Draw -> an encoder to begin with, afresh: the trained ones in turn, or untrained with the draw for a seed."""
    if paths:
        trained = [load_encoder(path, trust) for path in paths]
        return lambda draw: copy.deepcopy(trained[draw % len(trained)])
    node = _full(first)
    if "pretrained" in node:
        node["pretrained"] = False

    def untrained(seed: int) -> Encoder:
        torch.manual_seed(seed)
        encoder: Encoder = build(DictConfig(node), "encoder", trust=trust)
        return encoder

    return untrained


def _paths(given: str | list[str] | None) -> list[Path]:
    listed = [] if given is None else [given] if isinstance(given, str) else given
    return [Path(path).expanduser() for path in listed]


def _node(checkpoint: Path) -> dict[str, Any]:
    """What makes its encoder another one."""
    return {key: value for key, value in _full(checkpoint).items() if key not in FREE}


def _full(checkpoint: Path) -> dict[str, Any]:
    return dict(read_checkpoint(checkpoint)["config"]["encoder"])
