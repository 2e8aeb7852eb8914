"""The networks of `task.checkpoints`, which together predict the votes of one tree, and the data they are shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig

from selfsup.data.source import Galaxies
from selfsup.dropout import tree_of
from selfsup.embed import load_objective
from selfsup.tasks._sizes import at_trained_size
from selfsup.types import ConfigError
from selfsup.votes import QuestionTree


class Networks(NamedTuple):
    """Several trainings on votes.

    Args:
        objectives: trained, on the CPU.
        tree: that all of them answer.
        data: the data node, at the size that all of them were trained at.
    """

    objectives: list[Any]
    tree: QuestionTree
    data: DictConfig

    def require_votes_of_tree(self, found: Galaxies) -> None:
        """Raise ConfigError where the votes of the data are of another tree."""
        if found.tree is not None and found.tree.name != self.tree.name:
            raise ConfigError(
                f"data.tree={found.tree.name}, but task.checkpoints were trained on the tree {self.tree.name}"
            )


def read_networks(cfg: DictConfig) -> Networks:
    """The networks of `task.checkpoints`.

    Raises:
        ConfigError: none, of several sizes or trees, or not of votes.
    """
    checkpoints = [Path(name).expanduser() for name in cfg.task.checkpoints]
    objectives = [load_objective(checkpoint, tuple(cfg.trust), cfg.task.symmetries) for checkpoint in checkpoints]
    tree = tree_of(objectives)
    nodes = [at_trained_size(cfg.data, checkpoint) for checkpoint in checkpoints]
    sizes = sorted({node.size_px for node in nodes})
    if len(sizes) > 1:
        raise ConfigError(f"task.checkpoints were trained at {sizes} px; write data.size_px={sizes[0]}, or another")
    return Networks(objectives, tree, nodes[0])
