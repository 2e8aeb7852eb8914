"""A configuration as plain values, interpolations resolved: what travels in checkpoints, reports and catalogues."""

from typing import Any

from omegaconf import DictConfig, OmegaConf


def plain(node: DictConfig) -> dict[str, Any]:
    """The node as dictionaries, lists, numbers and texts."""
    values: dict[str, Any] = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
    return values
