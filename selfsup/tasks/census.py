"""Figures and tables of a population: how common answers are, how questions go together, who passes which cuts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.analysis import census
from selfsup.analysis.where import parse_where
from selfsup.catalogue import Catalogue
from selfsup.report.census_figures import draw_relation, draw_shares
from selfsup.report.run_report import write_report
from selfsup.report.tables import Row, plain_table, write_csv
from selfsup.tasks._catalogue import open_catalogue
from selfsup.tasks._plain import plain
from selfsup.tasks._report import Figures, command, show
from selfsup.types import ConfigError

USES = ()
PARTS = {"shares": {"of", "along", "where"}, "relations": {"x", "y", "where"}, "counts": {"name", "where"}}
"""Key -> what its entries say; `where` may be left out."""


def run(cfg: DictConfig) -> dict[str, float]:
    """Write figures, `tables/*.csv` and a report into the run folder.

    Returns:
        `census/<name>`, how many galaxies pass each cut of `task.counts`.

    Raises:
        ConfigError: nothing is asked for, or an entry that says something else.
        DataError: a column or question that the catalogue does not have.
    """
    folder, asked = Path(HydraConfig.get().runtime.output_dir), {key: plain(cfg)["task"][key] for key in PARTS}
    _require(asked)
    catalogue, figures, rows = open_catalogue(cfg), [], []
    for number, entry in enumerate(asked["shares"]):
        out = folder / "figures" / f"share_{number}.png"
        more, table = _share(cfg, catalogue, entry, out)
        figures += more
        rows += table
    for number, entry in enumerate(asked["relations"]):
        out = folder / "figures" / f"relation_{number}.png"
        more, table = _relation(cfg, catalogue, entry, out)
        figures += more
        rows += table
    counts = [_count(catalogue, entry, number) for number, entry in enumerate(asked["counts"])]
    write_csv(rows, folder / "tables" / "bins.csv")
    write_csv(counts, folder / "tables" / "counts.csv")
    metrics = {f"census/{row['name']}": float(row["galaxies"]) for row in counts}
    write_report(
        folder,
        title=f"A census of {len(catalogue):,} galaxies",
        command=command(folder),
        config=plain(cfg),
        metrics=metrics,
        comparison={},
        figures=figures,
        facts={"galaxies": len(catalogue)},
        unreadable=0,
        sections=[plain_table(counts, ["name", "galaxies", "share"])] if counts else [],
    )
    show(metrics, "whole")
    return metrics


def _require(asked: Mapping[str, list[Any]]) -> None:
    """Raise ConfigError where nothing is asked for, or an entry cannot be read."""
    if not any(asked.values()):
        raise ConfigError("task.shares, task.relations, task.counts: nothing is asked for; see conf/task/census.yaml")
    for key, entries in asked.items():
        for number, entry in enumerate(entries):
            if not isinstance(entry, dict) or not PARTS[key] - {"where"} <= set(entry) <= PARTS[key]:
                raise ConfigError(f"task.{key}[{number}]={entry}: write {{{', '.join(sorted(PARTS[key]))}}}")


def _share(cfg: DictConfig, catalogue: Catalogue, entry: Mapping[str, Any], out: Path) -> tuple[Figures, list[Row]]:
    """How many of the galaxies have an answer, along a column; a galaxy has it where most of the votes are for it."""
    ((question, weights),) = _read(entry["of"], "task.shares.of").items()
    keep = parse_where(entry.get("where") or {}, "task.shares.where").over(catalogue)
    along = catalogue.column(entry["along"]).astype(np.float64)
    curves = {}
    for who in census.opinions(catalogue, question):
        value = census.expected(census.fractions(catalogue, question, who), weights, "task.shares.of")
        rows = census.known_rows([value, along], keep)
        curves[who] = census.share_along(value[rows] > cfg.task.above, along[rows], cfg.task.bins, cfg.task.fewest)
    name = f"{question}: {', '.join(weights)}"
    draw_shares(curves, str(entry["along"]), f"share with {name}", out)
    return [(out, f"Share of galaxies with {name}, along {entry['along']}: 95 % intervals.")], _rows(
        curves, name, entry
    )


def _relation(cfg: DictConfig, catalogue: Catalogue, entry: Mapping[str, Any], out: Path) -> tuple[Figures, list[Row]]:
    """Two questions whose answers have an order, against each other."""
    pairs = [next(iter(_read(entry[key], f"task.relations.{key}").items())) for key in ("x", "y")]
    keep = parse_where(entry.get("where") or {}, "task.relations.where").over(catalogue)
    galaxies, means = {}, {}
    for who in set.intersection(*(set(census.opinions(catalogue, question)) for question, _ in pairs)):
        x, y = (
            census.expected(census.fractions(catalogue, question, who), weights, f"task.relations {question}")
            for question, weights in pairs
        )
        rows = census.known_rows([x, y], keep)
        galaxies[who] = x[rows], y[rows]
        means[who] = census.mean_along(y[rows], x[rows], cfg.task.bins, cfg.task.fewest)
    names = (pairs[0][0], pairs[1][0])
    draw_relation(dict(sorted(galaxies.items())), means, names, out)
    caption = f"{names[1]} against {names[0]}; red: means and 95 % intervals."
    return [(out, caption)], _rows(means, f"{names[1]} against {names[0]}", {"along": names[0]})


def _count(catalogue: Catalogue, entry: Mapping[str, Any], number: int) -> Row:
    passed = parse_where(entry.get("where") or {}, f"task.counts[{number}].where")
    passed.require(catalogue)
    count = int(passed.over(catalogue).sum())
    return {"name": str(entry["name"]), "galaxies": count, "share": count / max(1, len(catalogue))}


def _read(said: Any, key: str) -> dict[str, dict[str, float]]:
    """`{question: {answer: weight}}`, or `{question: answer}` for one that counts 1."""
    if isinstance(said, dict) and len(said) == 1:
        question, weights = next(iter(said.items()))
        if isinstance(weights, str):
            return {str(question): {weights: 1.0}}
        if isinstance(weights, dict) and weights and all(isinstance(v, int | float) for v in weights.values()):
            return {str(question): {str(name): float(value) for name, value in weights.items()}}
    raise ConfigError(f"{key}={said}: write {{QUESTION: ANSWER}} or {{QUESTION: {{ANSWER: NUMBER, ...}}}}")


def _rows(curves: Mapping[str, list[census.Bin]], name: str, entry: Mapping[str, Any]) -> list[Row]:
    return [
        {
            "of": name,
            "along": str(entry["along"]),
            "who": who,
            **{key: getattr(each, key) for key in ("at", "value", "low", "high", "count")},
        }
        for who, bins in curves.items()
        for each in bins
    ]
