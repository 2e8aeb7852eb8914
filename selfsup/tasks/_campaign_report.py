"""What a campaign has come to: a table of its rounds, their curve, and galleries of what would be asked next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.analysis.acquisition import INFORMATION
from selfsup.data.datamodule import GalaxyData
from selfsup.posteriors.posterior import Posterior
from selfsup.report.campaign_figures import draw_rounds
from selfsup.report.figures import contact_sheet
from selfsup.report.run_report import write_report
from selfsup.report.tables import plain_table, write_csv
from selfsup.tasks._acquisition import acquisition
from selfsup.tasks._campaign import Campaign
from selfsup.tasks._plain import plain
from selfsup.tasks._report import Figures, command, show

ROUNDS = "rounds.csv"
"""A row for each round, in the run's folder: what `task=label_curves` reads."""


def report_campaign(
    cfg: DictConfig, campaign: Campaign, data: GalaxyData, left: tuple[np.ndarray, Posterior] | None
) -> dict[str, float]:
    """Write the report; returns the scores of the networks in use.

    Args:
        cfg: the configuration.
        campaign: with its rounds.
        data: its galaxies.
        left: rows that could still be asked about, and what the networks in use say of them.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    rows = _rows(cfg, campaign)
    write_csv(rows, folder / ROUNDS)
    figures: Figures = []
    if rows:
        out = folder / "figures" / "rounds.png"
        draw_rounds(rows, cfg.task.score_on, out)
        figures.append((out, "The networks in use after each round, and those that were not kept (crosses)."))
    if left is not None:
        figures += _galleries(cfg, data, *left, folder / "figures")
    last = rows[-1] if rows else {}
    shown = [name for name in last if not _of_a_question(name)]
    scores = {f"label/{name}": float(last[name]) for name in shown if name.startswith("in use: ") or name == "labels"}
    scores = {name.replace("in use: ", ""): value for name, value in scores.items()}
    write_report(
        folder,
        title=f"Labelling by {cfg.task.acquisition}",
        command=command(folder),
        config=plain(cfg),
        metrics=scores,
        comparison={},
        figures=figures,
        facts={"rounds": len(rows), "galaxies with votes": last.get("labels", 0), "campaign": str(campaign.folder)},
        unreadable=len(data.packed.unreadable),
        sections=[plain_table(rows, shown)] if rows else ["No round is over yet."],
    )
    show(scores)
    return scores


def _of_a_question(column: str) -> bool:
    """Whether `rounds.csv` alone has it."""
    return column.count("/") > 1


def _rows(cfg: DictConfig, campaign: Campaign) -> list[dict[str, Any]]:
    """A row for each round: labels, what its networks score, whether they are kept, what those in use score."""
    rows: list[dict[str, Any]] = []
    used: dict[str, float] = {}
    for each in campaign.rounds():
        scores = dict(each.scores or {})
        measured = {name: value for name, value in scores.items() if "/" in name}
        used = measured if scores["kept"] else used
        settings = {"acquisition": cfg.task.acquisition, "seed": cfg.seed}
        in_use = {f"in use: {name}": value for name, value in used.items()}
        known = {"labels": scores["labels"], "kept": "yes" if scores["kept"] else "no"}
        rows.append({"round": each.number, **settings, **known, **measured, **in_use})
    return rows


def _galleries(cfg: DictConfig, data: GalaxyData, rows: np.ndarray, found: Posterior, folder: Path) -> Figures:
    """Of every question, the galaxies with most mutual information and those with least."""
    made: Figures = []
    sheets: dict[str, list[list[np.ndarray]]] = {"most": [], "least": []}
    information = acquisition(cfg, INFORMATION, {}, cfg.seed).information(found)
    for value in information.values():
        order = np.argsort(-value, kind="stable")
        for name, chosen in (("most", order[: cfg.task.shown]), ("least", order[::-1][: cfg.task.shown])):
            sheets[name].append([np.asarray(data.packed.images[row]) for row in rows[chosen]])
    for name, sheet in sheets.items():
        out = folder / f"{name}_information.png"
        contact_sheet(sheet, list(information), [], out)
        made.append((out, f"Galaxies of which the votes on each question would tell {name} about the networks."))
    return made
