"""The strangest galaxies of a catalogue: scored in several ways, drawn, and put to the test where a truth is known."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from sklearn.metrics import roc_auc_score

from selfsup.analysis.components import Passing
from selfsup.analysis.exchange import write_ranking
from selfsup.analysis.outliers import beyond, rank_correlations, score_outliers
from selfsup.analysis.rows import take
from selfsup.analysis.truth import read_truth
from selfsup.catalogue import Catalogue
from selfsup.embed import load_objective
from selfsup.report.figures import contact_sheet
from selfsup.report.run_report import write_report
from selfsup.report.tables import markdown
from selfsup.tasks._catalogue import open_catalogue, pictures_of, thumbnails_or_reason
from selfsup.tasks._passes import passed
from selfsup.tasks._plain import plain
from selfsup.tasks._reconstruction_errors import painter, reconstruction_errors
from selfsup.tasks._report import Figures, command, show
from selfsup.types import ConfigError

USES = ()
SETTINGS = ("components", "sample", "neighbours", "trees", "mixtures", "max_iter", "smallest_variance")
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """Write `catalogue.parquet` with a column a score, tables of the strangest, a gallery and a report.

    Returns:
        `outliers/<score>/auc` where `task.truth` is given; `outliers/<score>/beyond`, how many galaxies lie
        `task.sigmas` standard deviations above the mean.

    Raises:
        ConfigError: a number out of its range, a checkpoint that paints nothing, or none at all.
        DataError: too few galaxies, or a truth that the catalogue does not have.
    """
    folder, task = Path(HydraConfig.get().runtime.output_dir), cfg.task
    _require_settings(task)
    catalogue = open_catalogue(cfg)
    truth = None if task.truth is None else read_truth(catalogue, plain(task.truth))
    batches: Passing = partial(passed, doing="scoring", done="scored")
    scores = score_outliers(catalogue, seed=cfg.seed, batches=batches, **{name: task[name] for name in SETTINGS})
    if task.reconstruct:
        scores["outlier_reconstruction"] = _reconstructed(cfg, catalogue)
    catalogue = catalogue.append(scores)
    catalogue.save(folder / "catalogue.parquet")
    found: dict[str, dict[str, float]] = {}
    for name, score in scores.items():
        there = np.isfinite(score)
        found[name] = {"beyond": float(beyond(score[there], task.sigmas))}
        if truth is not None:
            asked = there & truth.known
            found[name] = {"auc": float(roc_auc_score(truth.interesting[asked], score[asked]))} | found[name]
    figures, notes = _gallery(cfg, catalogue, scores, folder)
    metrics = {f"outliers/{_short(name)}/{metric}": v for name, values in found.items() for metric, v in values.items()}
    write_report(
        folder,
        title=f"The strangest of {len(catalogue):,} galaxies",
        command=command(folder),
        config=plain(cfg),
        metrics=metrics,
        comparison={_short(name): values for name, values in found.items()},
        figures=figures,
        facts={"galaxies": len(catalogue), "that say what is usual": min(task.sample, len(catalogue))},
        unreadable=0,
        sections=[_correlations(scores), *notes],
    )
    show(metrics, "whole")
    return metrics


def _require_settings(task: DictConfig) -> None:
    """Raise ConfigError where a number cannot be what its key says."""
    for key in ("components", "sample", "shown", "listed", "passes", "batch_size"):
        if task[key] < 1:
            raise ConfigError(f"task.{key}={task[key]}: write 1 or more")
    if not task.smallest_variance > 0:
        raise ConfigError(f"task.smallest_variance={task.smallest_variance}: write a number above 0")


def _reconstructed(cfg: DictConfig, catalogue: Catalogue) -> np.ndarray:
    """Every galaxy's error of reconstruction."""
    checkpoint = cfg.task.checkpoint or catalogue.provenance.get("checkpoint")
    if checkpoint is None:
        raise ConfigError(
            "task.reconstruct: the catalogue does not say which checkpoint made it; write task.checkpoint"
        )
    part = painter(load_objective(Path(checkpoint).expanduser(), tuple(cfg.trust)), str(checkpoint))
    pictures = pictures_of(cfg, catalogue)
    return reconstruction_errors(part, catalogue, pictures, cfg.task.batch_size, cfg.task.passes, cfg.seed)


def _gallery(
    cfg: DictConfig, catalogue: Catalogue, scores: Mapping[str, np.ndarray], folder: Path
) -> tuple[Figures, list[str]]:
    """Tables of the strangest galaxies and, a row a score, pictures of the first; without these, a paragraph."""
    shown: dict[str, list[str]] = {}
    for name, score in scores.items():
        strangest = np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable")[: cfg.task.listed]
        ids = take(catalogue, strangest, [])["id"]
        write_ranking(ids, {name: score[strangest]}, np.arange(len(ids)), folder / "tables" / f"{name}.csv")
        shown[name] = ids.to_pylist()[: cfg.task.shown]
    out = folder / "figures" / "strangest.png"
    pictures = thumbnails_or_reason(cfg, catalogue, [galaxy for ids in shown.values() for galaxy in ids])
    if isinstance(pictures, str):
        return [], [pictures]
    following = iter(pictures)
    sheet = [[next(following) for _ in ids] for ids in shown.values()]
    contact_sheet(sheet, [_short(name) for name in shown], [], out)
    return [(out, "The strangest galaxies by each score, the strangest first.")], []


def _correlations(scores: Mapping[str, np.ndarray]) -> str:
    """How much the scores agree on which galaxies are strange."""
    there = np.isfinite(np.stack(list(scores.values()))).all(axis=0)
    matrix = rank_correlations({name: score[there] for name, score in scores.items()})
    pairs: list[list[str | float]] = [
        [f"{_short(one)}, {_short(other)}", float(matrix[i, j])]
        for (i, one), (j, other) in combinations(enumerate(scores), 2)
    ]
    return "## Rank correlation between the scores\n\n" + markdown(["scores", "Spearman"], pairs)


def _short(name: str) -> str:
    return name.removeprefix("outlier_")
