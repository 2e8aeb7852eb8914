"""benchmark.json: what one encoder scored on which benchmarks, and under which protocol; written after each of them.

    {"encoders": {WHO: {"digest", "parameters", "name", "seed", "config"}},
     "benchmarks": {NAME: {"protocol", "data", "size_px", "metric", "higher_is_better", "cite", "fitted", "scored",
                           "scores": {WHO: {METRIC: {"value", "std", "draws"}}}}}}

WHO is "trained", "untrained" or "pixels". "config" is that of the training, and of
the encoder alone where there was none. "std" is the scatter over draws of labels, and null where nothing is drawn.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfsup.durable import replacing
from selfsup.types import DataError

NAME = "benchmark.json"
MEAN, STD = "_mean", "_std"
Record = dict[str, Any]


def read_record(folder: Path) -> Record:
    """What a folder's file says; empty where there is none.

    Raises:
        DataError: it is no such file.
    """
    file = folder / NAME
    if not file.is_file():
        return {"encoders": {}, "benchmarks": {}}
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{file}: not JSON ({error}); remove it, and score again") from error
    if not (isinstance(record, dict) and {"encoders", "benchmarks"} <= record.keys()):
        raise DataError(f"{file}: not written by task=benchmark; remove it, and score again")
    return record


def write_record(folder: Path, record: Record) -> None:
    """Replace the folder's file, in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / NAME) as file:
        file.write(f"{json.dumps(record, indent=2, allow_nan=False)}\n".encode())


def with_spread(metrics: Mapping[str, float], draws: int | None) -> dict[str, dict[str, float | int | None]]:
    """A probe's metrics -> metric -> value, std over draws, draws; `x_mean` and `x_std` become one, x."""
    found: dict[str, dict[str, float | int | None]] = {}
    for name, value in metrics.items():
        stem = name.removesuffix(MEAN)
        if name.endswith(MEAN) and stem + STD in metrics:
            found[stem] = {"value": _finite(value), "std": _finite(metrics[stem + STD]), "draws": draws}
        elif not (name.endswith(STD) and name.removesuffix(STD) + MEAN in metrics):
            found[name] = {"value": _finite(value), "std": None, "draws": None}
    return found


def _finite(value: float) -> float | None:
    """JSON has no word for infinity or for what is no number."""
    return float(value) if math.isfinite(value) else None
