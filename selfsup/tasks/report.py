"""Tables and figures that a reader of the field expects, for any runs, from the predictions that they have left."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.probes.along import Uncertainty
from selfsup.probes.verdict import Relevance
from selfsup.report.run_report import write_report
from selfsup.report.tables import write_csv
from selfsup.tasks._drawings import Drawer, draw_along, draw_confusions, draw_grids, draw_numbers, draw_rocs
from selfsup.tasks._plain import plain
from selfsup.tasks._predictors import Predictor, predictors
from selfsup.tasks._report import command
from selfsup.tasks._runs import open_runs
from selfsup.tasks._sections import differences, scores, sections, silent
from selfsup.tasks._tables import (
    Rows,
    accuracies_along,
    auc_rows,
    bias_and_scatter,
    bin_rows,
    choice_rows,
    confusion_rows,
    errors_along,
    label_rows,
    quantities,
    rocs,
    threshold_rows,
    value_rows,
)
from selfsup.types import ConfigError

USES = ()  # nothing is built: the runs have predicted
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """Write report.md, report.json, CSV tables and figures into the run folder; returns the main scores.

    Raises:
        ConfigError: no run with predictions, or a setting out of its range.
    """
    folder, task = Path(HydraConfig.get().runtime.output_dir), cfg.task
    _require_settings(task)
    runs, missing = open_runs([task.runs] if isinstance(task.runs, str) else list(task.runs))
    who = predictors(runs, Relevance(task.fewest_asked, task.asked_share))
    curves = rocs(who)
    tables = {
        "answers": choice_rows(who, task.confident),
        "roc": auc_rows(curves),
        "thresholds": threshold_rows(who, list(task.thresholds)),
        "confusion": confusion_rows(who),
        "labels": label_rows(who),
        "numbers": value_rows(who),
    }
    notes = [f"{name} is left out: {why}" for name, why in missing.items()]
    notes += differences(runs) + silent(who, tables)
    drawer, detailed = Drawer(folder / "figures", []), [p for p in who if p.verdicts][: task.detailed]
    draw_rocs(drawer, curves, detailed)
    draw_confusions(drawer, detailed)
    tables["bins"] = _numbers(cfg, who, drawer) + _along(cfg, who, drawer, notes)
    notes += [why for predictor in detailed if (why := draw_grids(drawer, predictor, task.shown))]
    for name, rows in tables.items():
        if rows:
            write_csv(rows, folder / "tables" / f"{name}.csv")
    found = scores(tables)
    write_report(
        folder,
        title="Predictions beside the truth",
        command=command(folder),
        config=plain(cfg),
        metrics=found,
        comparison={},
        figures=drawer.figures,
        facts={"runs": len(runs), "predictors": len(who)},
        unreadable=0,
        sections=sections(who, tables, notes, task),
    )
    log.info("report: %s", folder / "report.md")
    return found


def _require_settings(task: Any) -> None:
    """Raise ConfigError where a number cannot be what its key says."""
    shares = {"level": [task.level], "confident": [task.confident], "thresholds": list(task.thresholds)}
    for key, values in shares.items():
        if not values or not all(0 < value < 1 for value in values):
            raise ConfigError(f"task.{key}={values}: write numbers between 0 and 1, both excluded")
    for key in ("bins", "draws", "shown"):
        if task[key] < 1:
            raise ConfigError(f"task.{key}={task[key]}: write 1 or more")


def _along(cfg: DictConfig, who: Sequence[Predictor], drawer: Drawer, notes: list[str]) -> Rows:
    """Scores along each of the columns that are asked for; notes those that nobody has."""
    task, rows = cfg.task, []
    for column in task.by:
        quantity = quantities(who, column)
        if without := [p.name for p in who if p.name not in quantity]:
            notes.append(f"task.by names {column!r}, a column without numbers for: {'; '.join(without)}.")
        if quantity:
            accuracies = accuracies_along(who, quantity, task.bins, task.level)
            errors = errors_along(who, quantity, task.bins, _uncertainty(cfg))
            draw_along(drawer, accuracies, errors, column, task.level)
            rows += bin_rows(accuracies, column, "accuracy") + bin_rows(errors, column, "mean absolute error")
    return rows


def _numbers(cfg: DictConfig, who: Sequence[Predictor], drawer: Drawer) -> Rows:
    """Bias and scatter of each column of numbers along its truth."""
    rows: Rows = []
    for column in dict.fromkeys(column for p in who for column in p.values):
        values = {p.name: p.values[column] for p in who if column in p.values}
        bias, scatter = bias_and_scatter(values, cfg.task.bins, _uncertainty(cfg))
        draw_numbers(drawer, values, bias, scatter, column)
        rows += bin_rows({column: bias}, column, "bias") + bin_rows({column: scatter}, column, "scatter")
    return rows


def _uncertainty(cfg: DictConfig) -> Uncertainty:
    return Uncertainty(cfg.task.level, cfg.task.draws, cfg.seed)
