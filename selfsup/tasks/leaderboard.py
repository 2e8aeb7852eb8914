"""Gather run folders into one table, with intervals, tests, costs and figures."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.report.leaderboard import make_board
from selfsup.report.leaderboard_figures import draw_board
from selfsup.report.leaderboard_pages import write_pages
from selfsup.report.runs import find_runs
from selfsup.tasks._plain import plain

USES = ()
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """Write leaderboard.md, .html and .csv, comparisons.csv and the figures; returns `<benchmark>/<method>` means.

    Raises:
        ConfigError: a folder that is not there, or no run that was scored.
        DataError: a run's file cannot be read.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    runs = find_runs([Path(place).expanduser() for place in cfg.task.runs], plain(cfg.task)["metrics"] or {})
    board = make_board(runs)
    write_pages(board, draw_board(board, folder / "figures"), folder)
    log.info("%d runs, %d methods, %d columns: %s", len(runs), len(board.methods), len(board.columns), folder)
    means = {f"{board.titles[c]}/{board.label(m)}": cell.interval.mean for (m, c), cell in board.cells.items()}
    return {name: mean for name, mean in means.items() if math.isfinite(mean)}
