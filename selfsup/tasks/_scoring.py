"""Encoders on benchmarks: every picture embedded once, every score written down as soon as it is known."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from selfsup.catalogue import Catalogue
from selfsup.data.datamodule import GalaxyData
from selfsup.embed import embed
from selfsup.encoders.base import Encoder
from selfsup.evaluate import TRAIN, fit_pixels, labelled, project
from selfsup.report.benchmark_file import Record, read_record, with_spread, write_record
from selfsup.report.methods import encoder_name
from selfsup.secrets import redact
from selfsup.tasks._benchmarks import Benchmark
from selfsup.types import ConfigError

Galaxies = tuple[GalaxyData, np.ndarray]
"""A data set and rows of it."""
log = logging.getLogger(__name__)


class Describer(Protocol):
    """What says something of galaxies."""

    facts: dict[str, Any]
    """What `report.benchmark_file` keeps of an encoder."""

    def __call__(self, fit: Galaxies, scored: Galaxies) -> tuple[Catalogue, Catalogue]:
        """What the probe is fitted on, and what it is scored on."""


class Embedder:
    """A frozen encoder, in evaluation mode; a picture that several benchmarks ask for is embedded once."""

    def __init__(self, encoder: Encoder, config: Mapping[str, Any], trained: bool) -> None:
        """Take what is known of the encoder.

        Args:
            encoder: not changed.
            config: plain, of its training, or of the one that it would have.
            trained: whether there was a training.
        """
        self.encoder = encoder
        self.facts: dict[str, Any] = {"digest": weights_digest(encoder), "name": encoder_name(config["encoder"])}
        self.facts["seed"] = config["seed"]
        self.facts["parameters"] = sum(p.numel() for p in encoder.parameters())
        self.facts["config"] = redact(dict(config) if trained else {"encoder": config["encoder"]})
        self._known: dict[Path, dict[str, np.ndarray]] = {}

    def __call__(self, fit: Galaxies, scored: Galaxies) -> tuple[Catalogue, Catalogue]:
        """The embeddings, with all columns."""
        return self._catalogue(*fit), self._catalogue(*scored)

    def _catalogue(self, data: GalaxyData, rows: np.ndarray) -> Catalogue:
        known = self._known.setdefault(data.packed.folder, {})
        new = rows[[data.packed.ids[row] not in known for row in rows]]
        fresh = embed(self.encoder, data.catalogue_loader(new))
        known.update(zip(fresh.ids, fresh.embedding(), strict=True))
        ids = [data.packed.ids[row] for row in rows]
        return Catalogue.from_arrays(ids, np.stack([known[name] for name in ids]), data.catalogue_columns(rows), {})


class Pixels:
    """What no learning gives: principal components of the pixels that the probe is fitted on."""

    def __init__(self, components: int) -> None:
        self.components = components
        self.facts = {"digest": f"{components} components", "name": "pixels", "seed": 0, "parameters": 0}

    def __call__(self, fit: Galaxies, scored: Galaxies) -> tuple[Catalogue, Catalogue]:
        """The components, with all columns."""
        pca = fit_pixels(*fit, self.components)
        return project(pca, *fit), project(pca, *scored)


def score(
    benchmarks: Sequence[Benchmark], encoders: Mapping[str, Describer], folder: Path, trust: Sequence[str]
) -> Record:
    """Score every encoder on every benchmark that is not yet done, and return all that the folder's file then says.

    Done is what was scored with the same weights under the same protocol.
    """
    record = read_record(folder)
    for who, encoder in encoders.items():
        _forget_others(record, who, encoder.facts)
    for benchmark in benchmarks:
        entry = record["benchmarks"].get(benchmark.name, {})
        if entry.get("protocol") != benchmark.digest or not entry["scores"]:
            entry = {}
        missing = {who: encoder for who, encoder in encoders.items() if who not in entry.get("scores", {})}
        if not missing:
            log.info("%s: done before, not done again", benchmark.name)
            continue
        fresh = _score(benchmark, missing, trust)
        if entry and entry["data"] != fresh["data"]:
            raise ConfigError(
                f"{folder / 'benchmark.json'}: {benchmark.name} was scored on other galaxies than those in "
                f"task.benchmark_folder now; name the folder it was scored on, or remove the file and score all again"
            )
        fresh["scores"] = {**entry.get("scores", {}), **fresh["scores"]}
        record["benchmarks"][benchmark.name] = fresh
        write_record(folder, record)
    return record


def shown(record: Record, benchmarks: Sequence[Benchmark], who: str) -> dict[str, float]:
    """`<benchmark>/<metric>` -> value of these benchmarks, the metrics that tables show first."""
    scores = {each.name: record["benchmarks"][each.name]["scores"].get(who, {}) for each in benchmarks}
    first = [(each.name, each.metric) for each in benchmarks]
    rest = [(name, metric) for name, found in scores.items() for metric in found if (name, metric) not in first]
    values = {f"{name}/{metric}": scores[name].get(metric, {}).get("value") for name, metric in first + rest}
    return {name: value for name, value in values.items() if value is not None}


def _score(benchmark: Benchmark, encoders: Mapping[str, Describer], trust: Sequence[str]) -> dict[str, Any]:
    fit, scored, probe = benchmark.build(trust)
    fitted, asked = (fit, labelled(fit, TRAIN)), (scored, labelled(scored, benchmark.parts))
    scores = {}
    for who, encoder in encoders.items():
        found = probe(*encoder(fitted, asked)).metrics
        scores[who] = with_spread(found, getattr(probe, "draws", None))
        if benchmark.metric not in scores[who]:
            raise ConfigError(
                f"benchmark.{benchmark.name}.metric: probe={benchmark.probe[0]} found no {benchmark.metric} here; "
                f"it found {', '.join(scores[who])}"
            )
        log.info("%s, %s: %s = %s", benchmark.name, who, benchmark.metric, scores[who][benchmark.metric]["value"])
    return {
        "protocol": benchmark.digest,
        "data": _galaxies(fitted, asked),
        "size_px": fit.source.size_px,
        "metric": benchmark.metric,
        "higher_is_better": benchmark.higher_is_better,
        "cite": benchmark.cite,
        "fitted": len(fitted[1]),
        "scored": len(asked[1]),
        "scores": scores,
    }


def _forget_others(record: Record, who: str, facts: dict[str, Any]) -> None:
    """What was scored with other weights is no score of this encoder."""
    before = record["encoders"].get(who)
    if before is not None and before["digest"] != facts["digest"]:
        log.info("%s: another encoder than the one that was scored here before; all is scored again", who)
        for entry in record["benchmarks"].values():
            entry["scores"].pop(who, None)
    record["encoders"][who] = facts


def weights_digest(encoder: Encoder) -> str:
    """Of the weights."""
    found = hashlib.sha256()
    for name, value in encoder.state_dict().items():
        found.update(name.encode())
        found.update(np.ascontiguousarray(value.detach().cpu().float().numpy()).tobytes())
    return found.hexdigest()[:16]


def _galaxies(*parts: Galaxies) -> str:
    """Of the galaxies and of what is known of them: which files were there."""
    found = hashlib.sha256()
    for data, rows in parts:
        found.update(repr([data.packed.ids[row] for row in rows]).encode())
        for name, values in sorted(data.columns.items()):
            found.update(repr((name, values[rows].tolist())).encode())
    return found.hexdigest()[:16]
