"""What `task=embed` and `task=predict` share: a data set that is gone through once, into a catalogue of shards."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn

from selfsup.config import build
from selfsup.data.packed import PackedPictures, pack
from selfsup.data.source import Source
from selfsup.inference.shards import Plan, Shards
from selfsup.inference.survey import Describe, Survey
from selfsup.tasks._again import going_on
from selfsup.tasks._plain import plain
from selfsup.versions import versions

log = logging.getLogger(__name__)
NAMED = ("name", "checkpoint", "checkpoints", "symmetries", "precision")
"""Settings that a catalogue names."""
PACKAGES = ("selfsup", "torch", "numpy")
"""Whose versions a catalogue names."""


def accelerated(*networks: nn.Module) -> None:
    """Move networks to the GPU, where there is one."""
    if torch.cuda.is_available():
        for network in networks:
            network.cuda()


def survey(cfg: DictConfig, data: DictConfig, describe: Describe, made_of: Mapping[str, Any]) -> dict[str, float]:
    """Describe every readable galaxy; go on with what is there, beside other workers.

    Args:
        cfg: the configuration, with `task.output`, `task.rows_per_shard`, `task.batch_size` and `task.packed`.
        data: its data node, at the size of the networks.
        describe: batches -> what is said of them.
        made_of: the networks and settings that the catalogue depends on, beside the galaxies.

    Returns:
        How many galaxies the catalogue holds, and how many were unreadable.
    """
    source: Source = build(data, "data", trust=tuple(cfg.trust))
    found = source.read()
    pictures = source.pictures(found)
    if cfg.task.packed:
        pictures = PackedPictures(pictures, pack(pictures, source.cache, source.max_unreadable_share))
    depends = {**made_of, "data": _pictured(plain(data)), "galaxies": _digest(found.ids), "batch": cfg.task.batch_size}
    provenance = {
        **{name: plain(cfg.task).get(name) for name in NAMED},
        **{"size_px": source.size_px, "folder": source.folder, "data": plain(data), "made_of": depends},
        "versions": versions(PACKAGES),
    }
    output = Path(cfg.task.output).expanduser()
    shards = Shards(output, Plan(len(found.ids), cfg.task.rows_per_shard, depends, provenance))
    galaxies = Survey(found, pictures, cfg.task.batch_size, source.max_unreadable_share)
    with going_on(shards.unfinished):
        manifest = galaxies.describe(shards, describe)
    told = manifest["galaxies"], manifest["unreadable"], len(manifest["parts"])
    log.info("%s: %d galaxies, %d unreadable, %d shards", output, *told)
    return {"galaxies": float(told[0]), "unreadable": float(told[1])}


def _pictured(data: dict[str, Any]) -> dict[str, Any]:
    """The data node without what changes neither a picture nor a column."""
    return {name: value for name, value in data.items() if name not in ("cache", "max_unreadable_share")}


def _digest(ids: list[str]) -> str:
    found = hashlib.sha256()
    for galaxy in ids:
        found.update(galaxy.encode(errors="surrogateescape") + b"\0")
    return found.hexdigest()[:16]
