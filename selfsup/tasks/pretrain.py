"""Train an encoder on a data set, probe it beside what no learning gives, and write the report."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import lightning as L
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from selfsup.checkpoint import finished
from selfsup.config import CONTRACTS, build, build_all
from selfsup.data.datamodule import GalaxyData
from selfsup.data.source import Source
from selfsup.durable import replacing
from selfsup.encoders.base import Encoder
from selfsup.evaluate import TEST, TRAIN, Evaluation, evaluate, evaluate_pixels, require_maps
from selfsup.evaluate_head import score_head
from selfsup.objectives.base import Objective
from selfsup.probes.base import Probe
from selfsup.report.run_report import write_report
from selfsup.secrets import redact
from selfsup.stopping import stoppable
from selfsup.tasks._benchmarks import Benchmark, read_benchmarks
from selfsup.tasks._initial import start_from
from selfsup.tasks._plain import plain
from selfsup.tasks._predictions import FILE, save_predictions
from selfsup.tasks._reconstructions import draw_reconstructions
from selfsup.tasks._report import command, show, title
from selfsup.tasks._scoring import Embedder, score, shown
from selfsup.tasks._training_report import draw_evaluations, draw_training, publish
from selfsup.training.launch import is_parent, launch
from selfsup.training.learner import Learner
from selfsup.training.loggers import MetricsCSV
from selfsup.training.loop import fit
from selfsup.training.ranks import Ranks, together
from selfsup.training.settings import TrainerSettings
from selfsup.training.wandb_run import WandbRun
from selfsup.types import ConfigError

USES = tuple(CONTRACTS)
CONFIG = "config.yaml"
"""The whole configuration of a run, resolved, in its folder."""
SCORED = {"test": (TRAIN, TEST), "val": (("train",), ("val",))}
"""`task.score_on` -> parts that the final probes are fitted on and scored on.

What is chosen by the validation part may still be reported on the test part.
"""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """Everything a training needs, built and checked before the first image is decoded."""

    objective: Objective
    learner: Learner
    data: GalaxyData
    probes: dict[str, Probe]
    loggers: list[Logger]
    benchmarks: list[Benchmark]


def run(cfg: DictConfig) -> dict[str, float]:
    """Train from the start, in the run folder that Hydra made; with several devices, in a process for each."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    if is_parent(cfg.trainer.devices):
        _keep(cfg, folder)
        return launch(cfg.trainer.devices, folder)
    with together(cfg.trainer.devices) as ranks:
        if ranks.size > 1 and HydraConfig.get().mode is RunMode.MULTIRUN:
            raise ConfigError(
                "--multirun: torchrun and srun start one run; for a sweep write trainer.devices=... instead"
            )
        folder = Path(ranks.agree(lambda: str(folder)))  # each would name it after its own clock
        if ranks.is_first:
            _keep(cfg, folder)
        return pretrain(cfg, folder, ranks)


def pretrain(cfg: DictConfig, folder: Path, ranks: Ranks) -> dict[str, float]:
    """Train (from the folder's checkpoint where there is one), evaluate, report; returns all final scores.

    Of several ranks, the first alone packs, evaluates and reports, so that each galaxy counts once; the others return
    nothing.
    """
    with stoppable(folder):
        parts = assemble(cfg, folder)
        with closed(parts.loggers):
            ranks.only_first(lambda: parts.data.packed)
            fit(parts.learner, parts.data, parts.probes, parts.loggers, folder, ranks=ranks)
            spent = parts.learner.spent.so_far()
            return ranks.only_first(lambda: conclude(cfg, folder, parts, spent)) or {}


def conclude(cfg: DictConfig, folder: Path, parts: Parts, spent: Mapping[str, float]) -> dict[str, float]:
    """Evaluate what was trained in this time, beside what no learning gives, and report; returns the scores."""
    fitted, scored = SCORED[_score_on(cfg)]
    found = {"trained": evaluate(parts.objective.online_encoder(), parts.data, parts.probes, fitted, scored)}
    head = score_head(parts.objective, parts.data, scored)
    save_predictions(folder, title(folder, cfg.seed), parts.data, found["trained"], head.predictions)
    if parts.probes:
        found |= baselines(cfg, parts.data, parts.probes)
    scores = found["trained"].metrics | head.metrics
    report(cfg, folder, parts, found, head.metrics, spent)
    if parts.benchmarks:
        trained = Embedder(parts.objective.online_encoder(), plain(cfg), trained=True)
        record = score(parts.benchmarks, {"trained": trained}, folder, tuple(cfg.trust))
        scores |= shown(record, parts.benchmarks, "trained")
    show(scores, _score_on(cfg))
    return scores


def _score_on(cfg: DictConfig) -> str:
    """The part that is scored at the end; runs of before there was a choice have no such key.

    Raises:
        ConfigError: no such part.
    """
    part = str(cfg.task.get("score_on", "test"))
    if part not in SCORED:
        raise ConfigError(f"task.score_on: {part} cannot be scored; write one of {', '.join(SCORED)}")
    return part


def assemble(cfg: DictConfig, folder: Path) -> Parts:
    """Build every part; nothing is decoded yet, except that labels are read."""
    trust = tuple(cfg.trust)
    part, benchmarks = _score_on(cfg), read_benchmarks(cfg, cfg.data.size_px)
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
    if part == "val" and objective.targets and part in settings.splits:
        raise ConfigError("trainer.splits: val is learned from, so task.score_on=val would praise what is remembered")
    if "label" in (*objective.targets, *objective.optional_targets) and data.label is not None:
        objective.observe_labels(torch.from_numpy(data.label[data.rows(*settings.splits)]))
    chosen: Logger = build(cfg.logger, "logger", str(folder), trust=trust)
    loggers: list[Logger] = [chosen] if isinstance(chosen, MetricsCSV) else [MetricsCSV(str(folder)), chosen]
    for logger in loggers:
        logger.log_hyperparams(redact(plain(cfg)))
    return Parts(objective, learner, data, probes, loggers, benchmarks)


@contextmanager
def closed(loggers: list[Logger]) -> Iterator[None]:
    """The loggers end with what runs within, and know how it ended."""
    status = "failed"
    try:
        yield
        status = "success"
    finally:
        for logger in loggers:
            logger.finalize(status)
            if isinstance(logger, WandbRun):
                logger.close(status)


def _keep(cfg: DictConfig, folder: Path) -> None:
    """Write the configuration into the run folder: from then on the run can be taken up."""
    with replacing(folder / CONFIG) as file:
        file.write(OmegaConf.to_yaml(OmegaConf.create(plain(cfg))).encode())


def baselines(cfg: DictConfig, data: GalaxyData, probes: Mapping[str, Probe]) -> dict[str, Evaluation]:
    """The same probes on the encoder before any training, and on the principal components of the pixels."""
    L.seed_everything(cfg.seed, verbose=False)
    untrained: Encoder = build(cfg.encoder, "encoder", trust=tuple(cfg.trust))
    fitted, scored = SCORED[_score_on(cfg)]
    return {
        "untrained": evaluate(untrained, data, probes, fitted, scored),
        "pixels": evaluate_pixels(data, probes, fitted, scored, cfg.task.pixel_components),
    }


def report(
    cfg: DictConfig,
    folder: Path,
    parts: Parts,
    found: Mapping[str, Evaluation],
    head: Mapping[str, float],
    spent: Mapping[str, float],
) -> None:
    """Write report.json, report.md and the figures into the folder, and show them to the logger."""
    for logger in parts.loggers:
        logger.save()
    figures = draw_training(folder, parts.learner.views, parts.data)
    figures += draw_evaluations(folder / "figures", found, parts.data)
    rows = parts.data.packed.index_of(found["trained"].test.ids)
    figures += draw_reconstructions(parts.objective, parts.data, rows, folder / "figures")
    comparison = {name: dict(evaluation.metrics) for name, evaluation in found.items()}
    comparison["trained"] |= head
    trainer = parts.learner.trainer
    facts: dict[str, str | float] = {
        "galaxies": len(parts.data.packed.ids),
        "learned from": len(parts.data.train_dataloader()) * parts.data.batch_size * trainer.world_size,
        "epochs": trainer.current_epoch,
        "scored on": _score_on(cfg),
        "minutes": round(spent["wall_s"] / 60, 2),
        "processor minutes": round(spent["processor_s"] / 60, 2),
        "processes": trainer.world_size,
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
    publish(parts.loggers, found["trained"], comparison, figures, folder / FILE, parts.data)
    log.info("report: %s", folder / "report.md")
