"""Train an encoder on a data set, probe it beside what no learning gives, and write the report."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import lightning as L
import torch
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from selfsup.checkpoint import finished
from selfsup.config import CONTRACTS, build, build_all
from selfsup.data.datamodule import GalaxyData
from selfsup.data.source import Source
from selfsup.durable import replacing
from selfsup.encoders.base import Encoder
from selfsup.evaluate import Evaluation, evaluate, evaluate_pixels, require_maps, score_head
from selfsup.objectives.base import Objective
from selfsup.probes.base import Probe
from selfsup.report.run_report import write_report
from selfsup.tasks._initial import start_from
from selfsup.tasks._plain import plain
from selfsup.tasks._report import command, draw_evaluations, draw_training, publish, show, title
from selfsup.training.learner import Learner
from selfsup.training.loggers import MetricsCSV
from selfsup.training.loop import fit
from selfsup.training.secrets import redact
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
    with replacing(folder / CONFIG) as file:
        file.write(OmegaConf.to_yaml(OmegaConf.create(plain(cfg))).encode())
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
    # Before the objective is built: a teacher starts as a copy. A run that is resumed has weights of its own.
    if cfg.task.get("init_from") is not None and not finished(folder):
        start_from(encoder, cfg)
    objective: Objective = build(cfg.objective, "objective", encoder, trust=trust)
    settings: TrainerSettings = build(cfg.trainer, "trainer", trust=trust)
    make_optimizer = partial(build, cfg.optimizer, "optimizer", trust=trust)
    views = build(cfg.augmentation, "augmentation", trust=trust)
    learner = Learner(objective, views, make_optimizer, settings, plain(cfg))
    probes = build_all(cfg.probe, "probe", trust=trust)
    source: Source = build(cfg.data, "data", trust=trust)
    require_maps(source, probes)
    data = GalaxyData(source, settings.batch_size, settings.workers, cfg.seed, settings.splits)
    data.narrow_to(objective.targets, objective.optional_targets)
    if "label" in (*objective.targets, *objective.optional_targets) and data.label is not None:
        objective.observe_labels(torch.from_numpy(data.label[data.rows(*settings.splits)]))
    chosen: Logger = build(cfg.logger, "logger", str(folder), trust=trust)
    loggers: list[Logger] = [chosen] if isinstance(chosen, MetricsCSV) else [MetricsCSV(str(folder)), chosen]
    for logger in loggers:
        logger.log_hyperparams(redact(plain(cfg)))
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
    cfg: DictConfig,
    folder: Path,
    parts: Parts,
    found: Mapping[str, Evaluation],
    head: Mapping[str, float],
    seconds: float,
) -> None:
    """Write report.json, report.md and the figures into the folder, and show them to the logger."""
    for logger in parts.loggers:
        logger.save()
    figures = draw_training(folder, parts.learner.views, parts.data)
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
        title=title(folder, cfg.seed),
        command=command(folder),
        config=redact(plain(cfg)),
        metrics=comparison["trained"],
        comparison=comparison,
        figures=figures,
        facts=facts,
        unreadable=len(parts.data.packed.unreadable),
    )
    publish(parts.loggers, found["trained"], comparison, figures)
    log.info("report: %s", folder / "report.md")
