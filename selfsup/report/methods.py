"""What is compared: methods, which are configurations without their seed, and columns, which are protocols.

Two runs are one method where their configurations say the same, apart from the seed and from what changes no weight.
Two scores are comparable where benchmark, metric, protocol and galaxies are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNTRAINED, PIXELS = "untrained", "pixels"
_NUISANCE = {
    "": ("seed", "logger", "probe", "benchmark", "trust", "survey"),
    "data": ("cache", "max_unreadable_share"),
    "trainer": ("workers", "log_every_steps", "probe_every_epochs", "checkpoint_every_steps", "accelerator"),
}
"""Group -> keys in which two runs of one method may differ."""


@dataclass(frozen=True, order=True)
class Column:
    """What makes two scores comparable.

    Args:
        benchmark: its name, or that of a metric of the report.
        metric: of the benchmark; "" for a metric of the report.
        protocol: digest of how it was scored, and on which galaxies.
        size_px: edge of the images.
        higher_is_better: of the metric.
        cite: whose it is.
    """

    benchmark: str
    metric: str
    protocol: str
    size_px: int
    higher_is_better: bool
    cite: str


@dataclass(frozen=True)
class Method:
    """What is compared: all that was configured but the seed.

    Args:
        objective: module of the objective, or "untrained", or "pixels".
        encoder: model, or module of the encoder.
        settings: the configuration, flat, without what changes no weight.
    """

    objective: str
    encoder: str
    settings: tuple[tuple[str, str], ...]

    @property
    def seeded(self) -> bool:
        """Whether another seed would give another score."""
        return self.objective != PIXELS


@dataclass(frozen=True)
class Score:
    """One number of one run.

    Args:
        method, seed: whose.
        column: of what.
        value: mean over draws of labels, where any are drawn.
        by_labels: labels of each class -> value, where the benchmark has few-shot scores of this metric.
        run: the folder.
    """

    method: Method
    seed: int
    column: Column
    value: float
    by_labels: Mapping[int, float]
    run: Path


def trained_method(config: Mapping[str, Any]) -> Method:
    """The method of a training's configuration."""
    kept = {key: value for key, value in config.items() if key not in _NUISANCE[""]}
    kept |= {group: without_nuisance(config, group) for group in ("data", "trainer")}
    kept["task"] = {"init_from": config["task"].get("init_from")}
    settings = tuple(sorted(_flat(kept)))
    return Method(_module(config["objective"]), encoder_name(config["encoder"]), settings)


def encoder_name(node: Mapping[str, Any]) -> str:
    """What tables call an encoder: its model where several share a class, else its module.

    A model that was given a width or depth of its own is not the one of that name any more.
    """
    own = [str(node[key]) for key in ("dim", "depth") if node.get("model") and node.get(key)]
    return f"{_module(node)} {' x '.join(own)}" if own else str(node.get("model") or _module(node))


def _module(node: Mapping[str, Any]) -> str:
    return str(node["_target_"]).split(".")[-2]


def _flat(values: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, json.dumps(values)


def untrained_method(name: str, node: Mapping[str, Any]) -> Method:
    """The encoder decides, and nothing else."""
    return Method(UNTRAINED, name, tuple(sorted(_flat(node, "encoder"))))


def without_nuisance(config: Mapping[str, Any], group: str) -> dict[str, Any]:
    """A group of a configuration without what changes no weight."""
    return {key: value for key, value in config.get(group, {}).items() if key not in _NUISANCE[group]}


def flat_settings(methods: Iterable[Method]) -> dict[Method, list[str]]:
    """Of methods that share a name: what each sets otherwise than another, as key=value."""
    several = list(methods)
    each = {method: dict(method.settings) for method in several}
    keys = sorted({key for settings in each.values() for key in settings})
    differing = [key for key in keys if len({settings.get(key) for settings in each.values()}) > 1]
    return {method: [f"{key}={each[method].get(key, 'not set')}" for key in differing] for method in several}
