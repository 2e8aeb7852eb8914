"""How many labels a start is worth: curves over the number of labels, from scratch and from trained encoders."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.config import build
from selfsup.data.datamodule import GalaxyData
from selfsup.data.source import Source
from selfsup.embed import embed
from selfsup.encoders.base import Encoder
from selfsup.evaluate import TEST, TRAIN, labelled
from selfsup.probes.label_efficiency import LabelEfficiency
from selfsup.report.label_table import draw_labels, label_table
from selfsup.report.labels_saved import Curve as ByLabels
from selfsup.report.labels_saved import labels_saved
from selfsup.report.run_report import write_report
from selfsup.report.statistics import interval
from selfsup.tasks._curves import Curves, Point, scores_by_labels
from selfsup.tasks._finetuned import FineTuned
from selfsup.tasks._plain import digest, plain
from selfsup.tasks._report import command, show
from selfsup.tasks._scoring import weights_digest
from selfsup.tasks._sizes import at_trained_size
from selfsup.tasks._starts import read_starts, start_of

# The encoders are the checkpoints'; data and views are checked when their size is known.
USES = ()
VERSION = 1
"""Of the protocol: raised when something that is in no configuration changes the scores."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Curve:
    """One to be drawn.

    Args:
        name: of it.
        starts: checkpoints to begin with, in turn; none is untrained.
        learns: whether the whole encoder learns, or a classifier of what it says.
    """

    name: str
    starts: Sequence[Path]
    learns: bool


def run(cfg: DictConfig) -> dict[str, float]:
    """Draw the curves and compare them; returns `<curve>/<metric>_n<labels>` means and `saved/<curve>/n<labels>`.

    Raises:
        ConfigError: starts that cannot be compared, or an unknown mode or metric.
        DataError: data without classes, or too few galaxies.
    """
    curves = list(_curves(cfg.task.mode, read_starts(cfg)))
    first = next(path for curve in curves for path in curve.starts)
    source: Source = build(at_trained_size(cfg.data, first), "data", trust=tuple(cfg.trust))
    data = GalaxyData(source, batch_size=256, workers=0, seed=cfg.seed, splits=TRAIN)
    folder = Path(HydraConfig.get().runtime.output_dir)
    kept = Curves(folder)
    found: dict[str, ByLabels] = {}
    for curve in curves:
        start = start_of(first, curve.starts, tuple(cfg.trust))
        points = _learned(cfg, data, curve, start, kept) if curve.learns else _frozen(cfg, data, curve, start)
        found[curve.name] = scores_by_labels(points, cfg.task.metric, cfg.task.n_per_class, cfg.task.draws)
        log.info("%s: done", curve.name)
    return _report(cfg, folder, found, len(data.packed.unreadable))


def _curves(mode: str, starts: Mapping[str, list[Path]]) -> Iterator[Curve]:
    """A curve of each start, or two; an untrained one always learns, for that is training from scratch."""
    for name, paths in starts.items():
        if mode == "both" and paths:
            yield Curve(f"{name} frozen", paths, learns=False)
            yield Curve(f"{name} fine-tuned", paths, learns=True)
        else:
            yield Curve(name, paths, learns=not paths or mode == "finetune")


def _frozen(cfg: DictConfig, data: GalaxyData, curve: Curve, start: Callable[[int], Encoder]) -> list[Point]:
    """A linear classifier of what the encoder says, in evaluation mode."""
    probe = LabelEfficiency("label", cfg.task.n_per_class, cfg.task.draws, cfg.task.c, cfg.task.max_iter)
    asked = [
        (data.catalogue_loader(rows), data.catalogue_columns(rows))
        for rows in map(partial(labelled, data), (TRAIN, TEST))
    ]
    turns = len(curve.starts)
    points: list[Point] = []
    for turn in range(turns):
        found = probe(*(embed(start(turn), loader, columns) for loader, columns in asked)).curve
        fits = [dict(zip(found, fit, strict=True)) for fit in zip(*found.values(), strict=True)]
        points += [fit for fit in fits if fit["draw"] % turns == turn]
    return points


def _learned(
    cfg: DictConfig, data: GalaxyData, curve: Curve, start: Callable[[int], Encoder], kept: Curves
) -> list[Point]:
    """The whole encoder, trained on every sample anew; what the folder has is not done again."""
    numbers = plain(cfg.task.finetune)
    if not curve.starts:
        numbers["layer_decay"] = None
    views = _sized(cfg.task.augmentation, data.source.size_px)
    tuned = FineTuned(data, build(views, "augmentation", trust=tuple(cfg.trust)), numbers)
    encoders = [weights_digest(start(turn)) for turn in range(max(1, len(curve.starts)))]
    protocol = digest([VERSION, data.source.size_px, numbers, plain(views), tuned.galaxies, encoders])
    known = {(int(point["labels"]), int(point["draw"])) for point in kept.points(curve.name, protocol)}
    if known:
        log.info("%s: %d fits were made before and are not made again", curve.name, len(known))
    for point in tuned.points(start, cfg.task.n_per_class, cfg.task.draws, known):
        kept.add(curve.name, point)
        shown = (curve.name, point["labels"], point["draw"], cfg.task.metric, point[cfg.task.metric])
        log.info("%s, %d labels of each class, draw %d: %s = %.4f", *shown)
    return kept.points(curve.name, protocol)


def _sized(augmentation: DictConfig, size_px: int) -> DictConfig:
    """Views of this size, where the recipe leaves it to the data."""
    node = plain(augmentation)
    for group in node["groups"].values():
        if group.get("size_px") is None:
            group["size_px"] = size_px
    return DictConfig(node)


def _report(cfg: DictConfig, folder: Path, curves: Mapping[str, ByLabels], unreadable: int) -> dict[str, float]:
    against = curves[cfg.task.plain]
    others = {name: curve for name, curve in curves.items() if name != cfg.task.plain}
    saved = {name: labels_saved(against, curve) for name, curve in others.items()}
    means = {
        name: {f"{cfg.task.metric}_n{n}": interval(values).mean for n, values in curve.items()}
        for name, curve in curves.items()
    }
    scores = {f"{name}/{key}": value for name, values in means.items() for key, value in values.items()}
    scores |= {f"saved/{name}/n{n}": each.factor for name, found in saved.items() for n, each in found.items()}
    out = folder / "figures" / "labels.png"
    draw_labels(curves, out)
    caption = f"{cfg.task.metric} on the test part, mean and 95 % interval over {cfg.task.draws} draws of labels."
    write_report(
        folder,
        title=f"Label efficiency on {HydraConfig.get().runtime.choices['data']}",
        command=command(folder),
        config=plain(cfg),
        metrics=scores,
        comparison=means,
        figures=[(out, caption)],
        facts={},
        unreadable=unreadable,
        sections=[label_table(curves, saved, cfg.task.plain)],
    )
    show(scores)
    return scores
