"""A benchmark: named data, labels, probe and parts, the same for every encoder.

Each is a file of `conf/benchmark`: the words with which one would choose data and probe on the command line, the metric
that tables show, and whom to cite. `digest` is its protocol: numbers under different protocols are not comparable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from selfsup.config import build, nearest
from selfsup.data.datamodule import PARTS, GalaxyData
from selfsup.data.source import Source
from selfsup.evaluate import TEST, TRAIN
from selfsup.probes.base import CatalogueProbe
from selfsup.tasks._plain import digest, plain
from selfsup.types import ConfigError

VERSION = 1
"""Of the protocol: raised when something that is in no configuration changes the scores."""
KEYS = ("overrides", "folder", "elsewhere", "metric", "higher_is_better", "cite")
ELSEWHERE = ("overrides", "folder", "parts")
_PLACES = ("folder", "cache", "max_unreadable_share")
"""Keys of the data that say where they lie, not what they are."""


@dataclass(frozen=True)
class Benchmark:
    """One benchmark, composed; nothing is read yet.

    Args:
        name: how it is chosen.
        fit: node of the data that the probe is fitted on.
        scored: node of the data that it is scored on.
        parts: of these.
        probe: its name and its node.
        metric: of the probe, that tables show.
        higher_is_better: of that metric.
        cite: whose data and idea it is.
    """

    name: str
    fit: DictConfig
    scored: DictConfig
    parts: tuple[str, ...]
    probe: tuple[str, DictConfig]
    metric: str
    higher_is_better: bool
    cite: str

    @property
    def digest(self) -> str:
        """Of all that decides the scores, apart from the encoder and the files themselves."""
        said = {"version": VERSION, "fit": _kind(self.fit), "scored": _kind(self.scored), "parts": list(self.parts)}
        said["probe"] = plain(self.probe[1])
        return digest(said)

    def build(self, trust: Sequence[str]) -> tuple[GalaxyData, GalaxyData, CatalogueProbe]:
        """What the probe is fitted on, what it is scored on, and the probe.

        Raises:
            ConfigError: a node that cannot be built, or a probe of something else than embeddings.
        """
        fit: Source = build(self.fit, "data", trust=trust)
        scored = fit if self.scored == self.fit else build(self.scored, "data", trust=trust)
        probe = build(self.probe[1], "probe", trust=trust)
        if not isinstance(probe, CatalogueProbe):
            raise ConfigError(f"benchmark.{self.name}: probe={self.probe[0]} is no probe of embeddings; choose another")
        data = GalaxyData(fit, batch_size=256, workers=0, seed=0, splits=TRAIN)
        same = scored is fit
        return data, data if same else GalaxyData(scored, batch_size=256, workers=0, seed=0, splits=TRAIN), probe


def read_benchmarks(cfg: DictConfig, size_px: int) -> list[Benchmark]:
    """Those that the configuration names, composed for images of this size.

    Raises:
        ConfigError: a key that no benchmark has, a folder that is not there, or a choice that does not compose.
    """
    chosen = plain(cfg.benchmark) if cfg.get("benchmark") else {}
    root = cfg.task.get("benchmark_folder")
    places = {"size_px": size_px, **{key: cfg.data[key] for key in ("cache", "max_unreadable_share")}}
    _require(chosen, root)
    return [_benchmark(name, values, root, places) for name, values in chosen.items()]


def _benchmark(name: str, values: dict[str, Any], root: str | None, places: dict[str, Any]) -> Benchmark:
    cfg = hydra.compose("config", list(values["overrides"]))
    if len(cfg.probe) != 1:
        raise ConfigError(f"benchmark.{name}.overrides: {len(cfg.probe)} probes; choose one, as in probe=[linear]")
    ((probe, node),) = cfg.probe.items()
    fit = _placed(cfg.data, root, values["folder"], places)
    other = values["elsewhere"]
    if other is None:
        scored, parts = fit, TEST
    else:
        elsewhere = hydra.compose("config", list(other["overrides"]))
        scored, parts = _placed(elsewhere.data, root, other["folder"], places), tuple(other["parts"])
        if set(parts) - PARTS.keys() or not parts:
            raise ConfigError(f"benchmark.{name}.elsewhere.parts: {list(parts)} is no choice of {', '.join(PARTS)}")
    shown = {key: values[key] for key in ("metric", "higher_is_better", "cite")}
    return Benchmark(name, fit, scored, parts, (str(probe), node), **shown)


def _placed(data: DictConfig, root: str | None, folder: str | None, places: dict[str, Any]) -> DictConfig:
    """A node without interpolations, at this place and size."""
    here = {} if folder is None else {"folder": str(Path(root or "").expanduser() / folder)}
    OmegaConf.set_struct(data, False)
    data.merge_with(places, here)
    return OmegaConf.create(plain(data))


def _require(chosen: dict[str, Any], root: str | None) -> None:
    """Every fault of every benchmark at once, before the first is run."""
    faults: list[str] = []
    for name, values in chosen.items():
        faults += _faults(f"benchmark.{name}", values, KEYS, root)
        if values.get("elsewhere") is not None:
            faults += _faults(f"benchmark.{name}.elsewhere", values["elsewhere"], ELSEWHERE, root)
    if faults:
        raise ConfigError("\n".join(dict.fromkeys(faults)))


def _faults(where: str, given: dict[str, Any], keys: Sequence[str], root: str | None) -> Iterator[str]:
    yield from (f"{where}.{key}: no such key; {nearest(key, keys)}" for key in given if key not in keys)
    yield from (f"{where}.{key}: not set" for key in keys if key not in given)
    folder = given.get("folder")
    if folder is not None and root is None:
        yield f"task.benchmark_folder: not set; {where} looks for {folder} below it"
    elif folder is not None and not Path(str(root)).expanduser().joinpath(folder).is_dir():
        yield f"task.benchmark_folder: {root} has no folder {folder}, which {where} needs"


def _kind(data: DictConfig) -> dict[str, Any]:
    return {key: value for key, value in plain(data).items() if key not in _PLACES}
