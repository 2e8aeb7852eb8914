"""Ways of choosing whom to ask, compared: the curves of several campaigns, and the labels that a way saves."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.report.campaign_figures import draw_ways
from selfsup.report.label_table import label_table
from selfsup.report.labels_saved import Curve, labels_saved
from selfsup.report.run_report import write_report
from selfsup.report.statistics import interval
from selfsup.tasks._campaign_report import ROUNDS
from selfsup.tasks._plain import plain
from selfsup.tasks._report import command, show
from selfsup.types import ConfigError, DataError

USES = ()


def run(cfg: DictConfig) -> dict[str, float]:
    """Compare campaigns of several ways and seeds; returns the mean at the end of each way, and labels saved.

    Raises:
        ConfigError: no campaigns, or none of the way that the others are compared with.
        DataError: campaigns of other numbers of labels.
    """
    measure, against = cfg.task.measure, cfg.task.plain
    curves = _curves(_tables(cfg.task.runs), f"in use: {measure}")
    if against not in curves:
        raise ConfigError(f"task.plain: no campaign chose by {against}; there are: {', '.join(curves)}")
    saved = {way: labels_saved(curves[against], curve) for way, curve in curves.items() if way != against}
    scores = {f"{way}/{measure}": interval(list(curve.values())[-1]).mean for way, curve in curves.items()}
    scores |= {f"saved/{way}": found[max(found)].factor for way, found in saved.items()}
    folder = Path(HydraConfig.get().runtime.output_dir)
    out = folder / "figures" / "ways.png"
    draw_ways(curves, measure.partition("/")[2], out)
    count = len(next(iter(next(iter(curves.values())).values())))
    write_report(
        folder,
        title="Whom to ask next",
        command=command(folder),
        config=plain(cfg),
        metrics=scores,
        comparison={},
        figures=[
            (out, f"{measure} of the networks in use, mean and 95 % interval over {count} campaigns of each way.")
        ],
        facts={"campaigns": sum(len(next(iter(curve.values()))) for curve in curves.values())},
        unreadable=0,
        sections=[label_table(curves, saved, against, "galaxies with votes", "campaigns")],
    )
    show(scores)
    return scores


def _tables(runs: Sequence[str]) -> list[list[dict[str, str]]]:
    """The rounds of every campaign in these folders and below."""
    files = sorted({file for name in runs for file in Path(name).expanduser().glob(f"**/{ROUNDS}")})
    if not files:
        raise ConfigError(
            f"task.runs={list(runs)}: no {ROUNDS} there; name run folders of task=label, or a sweep of them"
        )
    found = []
    for file in files:
        with file.open(newline="") as stream:
            found.append(list(csv.DictReader(stream)))
    return [table for table in found if table]


def _curves(tables: Sequence[Sequence[Mapping[str, str]]], column: str) -> dict[str, Curve]:
    """Way -> labels -> score of each campaign, by seed."""
    found: dict[str, dict[int, list[float]]] = {}
    for table in sorted(tables, key=lambda rows: (rows[0]["acquisition"], int(rows[0]["seed"]))):
        curve = found.setdefault(table[0]["acquisition"], {})
        for row in table:
            if column not in row:
                raise ConfigError(f"task.measure: no column '{column}' in {ROUNDS}; it has {', '.join(row)}")
            curve.setdefault(int(float(row["labels"])), []).append(float(row[column]))
    lengths = {len(scores) for curve in found.values() for scores in curve.values()}
    if len(lengths) > 1:
        raise DataError("campaigns of other numbers of labels or seeds; let all of them end, and compare again")
    return {way: dict(curve) for way, curve in found.items()}
