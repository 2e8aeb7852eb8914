"""Train an encoder on a data set, probe it beside what no learning gives, and write the report."""

import logging
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from selfsup.config import CONTRACTS, build, build_all
from selfsup.data.datamodule import GalaxyData
from selfsup.data.source import Source
from selfsup.embed import as_float
from selfsup.encoders.base import Encoder
from selfsup.evaluate import Evaluation, evaluate, evaluate_pixels, score_head
from selfsup.objectives.base import Objective
from selfsup.probes.base import Probe
from selfsup.report.figures import contact_sheet, loss_curves
from selfsup.report.run_report import write_report
from selfsup.report.score_figures import comparison_figure, draw_map, draw_scores
from selfsup.training.learner import Learner
from selfsup.training.loggers import MetricsCSV, show_confusion, show_figure, show_table
from selfsup.training.loop import fit
from selfsup.training.settings import TrainerSettings

USES = tuple(CONTRACTS)
CONFIG = "config.yaml"
"""The whole configuration of a run, resolved, in its folder."""
TRAIN, TEST = ("train", "val"), ("test",)
"""Parts that the final probes are fitted on and scored on."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """Everything a training needs, built and checked before the first image is decoded."""

    objective: Objective
    learner: Learner
    data: GalaxyData
    probes: dict[str, Probe]
    loggers: list[Logger]


def run(cfg: DictConfig) -> dict[str, float]:
    """Train from the start, in the run folder that Hydra made."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    OmegaConf.save(OmegaConf.create(_plain(cfg)), folder / CONFIG)
    return pretrain(cfg, folder)


def pretrain(cfg: DictConfig, folder: Path) -> dict[str, float]:
    """Train (from the folder's checkpoint where there is one), evaluate, report; returns all final scores."""
    start = time.monotonic()
    parts = assemble(cfg, folder)
    fit(parts.learner, parts.data, parts.probes, parts.loggers, folder)
    seconds = time.monotonic() - start
    found = {"trained": evaluate(parts.objective.online_encoder(), parts.data, parts.probes, TRAIN, TEST)}
    head = score_head(parts.objective, parts.data, TEST)
    found |= baselines(cfg, parts.data, parts.probes)
    scores = found["trained"].metrics | head
    report(cfg, folder, parts, found, head, seconds)
    show(scores)
    for logger in parts.loggers:
        logger.finalize("success")
    return scores


def assemble(cfg: DictConfig, folder: Path) -> Parts:
    """Build every part; nothing is decoded yet, except that labels are read."""
    trust = tuple(cfg.trust)
    L.seed_everything(cfg.seed, verbose=False)
    encoder: Encoder = build(cfg.encoder, "encoder", trust=trust)
    objective: Objective = build(cfg.objective, "objective", encoder, trust=trust)
    settings: TrainerSettings = build(cfg.trainer, "trainer", trust=trust)
    make_optimizer = partial(build, cfg.optimizer, "optimizer")
    learner = Learner(objective, build(cfg.augmentation, "augmentation"), make_optimizer, settings, _plain(cfg))
    probes = build_all(cfg.probe, "probe", trust=trust)
    source: Source = build(cfg.data, "data", trust=trust)
    data = GalaxyData(source, settings.batch_size, settings.workers, cfg.seed, settings.splits)
    data.narrow_to(objective.targets)
    if "label" in objective.targets and data.label is not None:
        objective.observe_labels(torch.from_numpy(data.label[data.rows(*settings.splits)]))
    chosen: Logger = build(cfg.logger, "logger", str(folder), trust=trust)
    loggers = [chosen] if isinstance(chosen, MetricsCSV) else [MetricsCSV(str(folder)), chosen]
    for logger in loggers:
        logger.log_hyperparams(_plain(cfg))
    return Parts(objective, learner, data, probes, loggers)


def baselines(cfg: DictConfig, data: GalaxyData, probes: Mapping[str, Probe]) -> dict[str, Evaluation]:
    """The same probes on the encoder before any training, and on the principal components of the pixels."""
    L.seed_everything(cfg.seed, verbose=False)
    untrained: Encoder = build(cfg.encoder, "encoder", trust=tuple(cfg.trust))
    return {
        "untrained": evaluate(untrained, data, probes, TRAIN, TEST),
        "pixels": evaluate_pixels(data, probes, TRAIN, TEST, cfg.task.pixel_components),
    }


def report(
    cfg: DictConfig, folder: Path, parts: Parts, found: Mapping[str, Evaluation], head: Mapping[str, float], seconds: float
) -> None:
    """Write report.json, report.md and the figures into the folder, and show them to the logger."""
    figures = draw_training(folder, parts)
    figures += draw_evaluations(folder / "figures", found, parts.data)
    comparison = {name: dict(evaluation.metrics) for name, evaluation in found.items()}
    comparison["trained"] |= head
    trainer = parts.learner.trainer
    facts: dict[str, str | float] = {
        "galaxies": len(parts.data.packed.ids),
        "learned from": len(parts.data.train_dataloader()) * parts.data.batch_size,
        "epochs": trainer.current_epoch,
        "minutes": round(seconds / 60, 2),
        "device": str(trainer.strategy.root_device),
        "precision": trainer.precision,
        "threads": torch.get_num_threads(),
    }
    write_report(
        folder,
        title=title(cfg),
        command=shlex.join(["selfsup", *sys.argv[1:]]),
        config=_plain(cfg),
        metrics=comparison["trained"],
        comparison=comparison,
        figures=figures,
        facts=facts,
        unreadable=len(parts.data.packed.unreadable),
    )
    publish(parts.loggers, found["trained"], comparison, figures)
    log.info("report: %s", folder / "report.md")


def draw_training(folder: Path, parts: Parts) -> list[tuple[Path, str]]:
    """Loss curves, and a sheet of what the objective saw."""
    for logger in parts.loggers:
        logger.save()
    curves, sheet = folder / "figures" / "curves.png", folder / "figures" / "views.png"
    loss_curves(folder / "metrics.csv", curves)
    draw_views(parts.learner, parts.data, sheet, galaxies=6)
    return [(curves, "The training: loss, learning rate, health."), (sheet, "What the objective saw of six galaxies.")]


def draw_evaluations(folder: Path, found: Mapping[str, Evaluation], data: GalaxyData) -> list[tuple[Path, str]]:
    """Every probe's figure, the comparison of the encoders, and the map."""
    figures = comparison_figure({name: e.metrics for name, e in found.items()}, folder)
    trained = found["trained"]
    for name, scores in trained.scores.items():
        curves = {who: e.scores[name].curve for who, e in found.items()}
        figures += draw_scores(name, scores.confusion, scores.classes, curves, folder)
    rows = data.packed.index_of(trained.test.ids)
    return figures + draw_map(trained.test.embedding(), data.packed.images, rows, folder)


def draw_views(learner: Learner, data: GalaxyData, out: Path, galaxies: int) -> None:
    """Contact sheet: a galaxy a row, the packed image first, then its views."""
    rows = data.rows()[:galaxies]
    torch.manual_seed(0)
    image = next(iter(data.catalogue_loader(rows, batch_size=galaxies)))["image"]
    with torch.no_grad():
        views = learner.views.cpu()(image)
    columns = {"packed": as_float(image)} | {f"{k} {i + 1}": v for k, copies in views.items() for i, v in enumerate(copies)}
    pictures = [_picture(value) for value in columns.values()]
    sheet = [[column[row] for column in pictures] for row in range(len(rows))]
    contact_sheet(sheet, ["" for _ in rows], list(columns), out)


def publish(
    loggers: list[Logger],
    trained: Evaluation,
    comparison: Mapping[str, Mapping[str, float]],
    figures: list[tuple[Path, str]],
) -> None:
    """Final scores to every logger; figures, tables and confusion matrices to W&B."""
    for logger in loggers:
        logger.log_metrics(dict(comparison["trained"]))
    for path, _ in figures:
        show_figure(loggers, path.stem, path)
    names = sorted(comparison["trained"])
    rows = [[name, *(values.get(name) for values in comparison.values())] for name in names]
    show_table(loggers, "probes", ["metric", *comparison], rows)
    for name, scores in trained.scores.items():
        if scores.confusion is not None:
            show_confusion(loggers, name, scores.confusion, scores.classes)


def show(scores: Mapping[str, float]) -> None:
    """The scores, a line each, to the log."""
    width = max((len(name) for name in scores), default=0)
    log.info("scores on the test part:\n%s", "\n".join(f"  {n:{width}}  {v:.4f}" for n, v in sorted(scores.items())))


def title(cfg: DictConfig) -> str:
    """Objective, encoder and data, as they were chosen."""
    choices = HydraConfig.get().runtime.choices
    chosen = [str(choices.get(group, "")) for group in ("objective", "encoder", "data")]
    return " · ".join([*chosen, f"seed {cfg.seed}"])


def _picture(image: torch.Tensor) -> np.ndarray:
    return (image.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()


def _plain(cfg: DictConfig) -> dict[str, Any]:
    values: dict[str, Any] = OmegaConf.to_container(cfg, resolve=True)  # type: ignore[assignment]
    return values
