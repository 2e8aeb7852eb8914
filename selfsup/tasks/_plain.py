"""A configuration as plain values, interpolations resolved: what travels in checkpoints, reports and catalogues."""

import hashlib
import json
from typing import Any

from omegaconf import DictConfig, OmegaConf


def plain(node: DictConfig) -> dict[str, Any]:
    """The node as dictionaries, lists, numbers and texts."""
    values: dict[str, Any] = OmegaConf.to_container(node, resolve=True)  # type: ignore[assignment]
    return values


def digest(said: Any) -> str:
    """A short text that differs whenever these plain values do."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
