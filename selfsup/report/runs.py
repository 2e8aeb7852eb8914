"""Run folders become runs: which method and seed each is, what it cost, and its scores with their protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfsup.report.benchmark_file import NAME, Record, read_record
from selfsup.report.methods import (
    PIXELS,
    UNTRAINED,
    Column,
    Method,
    Score,
    trained_method,
    untrained_method,
    without_nuisance,
)
from selfsup.types import ConfigError, DataError

REPORT = "report.json"


@dataclass(frozen=True)
class Run:
    """A folder with scores.

    Args:
        folder: where it lies.
        method, seed: what was trained there; None for a folder of scores alone.
        cost: name -> number or text: "minutes", "processor minutes", "galaxies seen", "parameters", "hardware".
        scores: all of them, those of untrained encoders and of pixels too.
    """

    folder: Path
    method: Method | None
    seed: int
    cost: Mapping[str, float | str]
    scores: tuple[Score, ...]


def find_runs(places: Sequence[Path], metrics: Mapping[str, str]) -> list[Run]:
    """The runs in these folders and below.

    Args:
        places: run folders, or folders of them.
        metrics: of the reports, that are columns too -> "higher" or "lower", whichever is better.

    Raises:
        ConfigError: a folder that is not there, no run at all, or a direction of another name.
        DataError: a file that cannot be read.
    """
    wrong = {name: way for name, way in metrics.items() if way not in ("higher", "lower")}
    if wrong:
        raise ConfigError(f"task.metrics: {wrong}; say of each metric whether higher or lower is better")
    missing = [str(place) for place in places if not place.is_dir()]
    if missing:
        raise ConfigError(f"task.runs: no such folder: {', '.join(missing)}")
    files = {file.parent for place in places for name in (NAME, REPORT) for file in place.rglob(name)}
    runs = [read_run(folder, metrics) for folder in sorted(files)]
    found = [run for run in runs if run.scores]
    if not found:
        raise ConfigError(
            f"task.runs: none of {len(runs)} runs below {', '.join(map(str, places))} was scored; write "
            f"selfsup task=benchmark task.checkpoint=RUN, or name metrics of their reports with task.metrics"
        )
    return found


def read_run(folder: Path, metrics: Mapping[str, str]) -> Run:
    """One folder's report.json and benchmark.json; either may be missing.

    Raises:
        DataError: one of them cannot be read.
    """
    report, record = _report(folder / REPORT), read_record(folder)
    told = report.get("config", {})
    if told.get("task", {}).get("name") != "pretrain":  # another task's configuration says nothing of the training
        told, report = {}, {}
    config = record["encoders"].get("trained", {}).get("config") or told
    method = trained_method(config) if config else None
    seed = int(config.get("seed", 0))
    scores = [*_benchmark_scores(folder, record, method, seed)]
    scores += _report_scores(folder, report, method, metrics)
    return Run(folder, method, seed, _cost(report, record), tuple(scores))


def _report(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{file}: not JSON ({error}); remove it, or write it again with task=resume") from error
    return report if isinstance(report, dict) else {}


def _whose(who: str, record: Record, method: Method | None, seed: int) -> tuple[Method | None, int]:
    if who == "trained":
        return method, seed
    facts = record["encoders"].get(who, {})
    if who == PIXELS:
        return Method(PIXELS, PIXELS, ()), 0
    node = facts.get("config", {}).get("encoder", {})
    return untrained_method(str(facts.get("name", who)), node), int(facts.get("seed", seed))


def _benchmark_scores(folder: Path, record: Record, method: Method | None, seed: int) -> Iterator[Score]:
    for name, entry in record["benchmarks"].items():
        protocol = f"{entry['protocol']}-{entry['data']}"
        shown = (entry["metric"], protocol, entry["size_px"], entry["higher_is_better"], entry["cite"])
        column = Column(name, *shown)
        for who, found in entry["scores"].items():
            owner, its_seed = _whose(who, record, method, seed)
            value = found.get(entry["metric"], {}).get("value")
            if owner is not None and value is not None:
                yield Score(owner, its_seed, column, value, _by_labels(entry["metric"], found), folder)


def _by_labels(metric: str, found: Mapping[str, Mapping[str, Any]]) -> dict[int, float]:
    """`auc_n32` -> the values of auc_n8, auc_n32, auc_n128; of `auc_all` too."""
    stem = f"{metric.rsplit('_', 1)[0]}_n"
    counts = {name: name.removeprefix(stem) for name in found if name.startswith(stem)}
    known = {name: n for name, n in counts.items() if n.isdecimal() and found[name]["value"] is not None}
    return {int(n): found[name]["value"] for name, n in known.items()}


def _report_scores(
    folder: Path, report: Mapping[str, Any], method: Method | None, metrics: Mapping[str, str]
) -> Iterator[Score]:
    comparison, config = report.get("comparison", {}), report.get("config", {})
    if method is None:
        return
    record = {"encoders": {UNTRAINED: {"name": method.encoder, "config": config}}}
    for metric, way in metrics.items():
        probe = metric.split("/")[1] if metric.count("/") == 2 else ""
        asked = without_nuisance(config, "data")
        part = config.get("task", {}).get("score_on", "test")  # runs of before there was a choice have none
        said = json.dumps([part, asked, config.get("probe", {}).get(probe)], sort_keys=True)
        protocol = hashlib.sha256(said.encode()).hexdigest()[:16]
        column = Column(metric, "", protocol, int(asked.get("size_px") or 0), way == "higher", "")
        for who, values in comparison.items():
            owner, seed = _whose(who, record, method, int(config.get("seed", 0)))
            if owner is not None and values.get(metric) is not None:
                yield Score(owner, seed, column, values[metric], {}, folder)


def _cost(report: Mapping[str, Any], record: Record) -> dict[str, float | str]:
    """What a report says of it."""
    facts, machine = report.get("facts", {}), report.get("machine", {})
    cost: dict[str, float | str] = {}
    cost |= {name: float(facts[name]) for name in ("minutes", "processor minutes") if name in facts}
    if {"learned from", "epochs"} <= facts.keys():
        cost["galaxies seen"] = float(facts["learned from"]) * float(facts["epochs"])
    parameters = record["encoders"].get("trained", {}).get("parameters")
    if parameters is not None:
        cost["parameters"] = float(parameters)
    if "device" in facts:
        told = (facts["device"], f"{machine.get('cores', '?')} cores", facts.get("precision", "?"))
        cost["hardware"] = ", ".join(map(str, told))
    return cost
