"""How many labels a start is worth: curves over the number of labels, from scratch and from trained encoders."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.config import build
from selfsup.data.datamodule import GalaxyData
from selfsup.data.source import Source
from selfsup.durable import replacing
from selfsup.embed import embed
from selfsup.encoders.base import Encoder
from selfsup.evaluate import labelled
from selfsup.probes.label_efficiency import LabelEfficiency
from selfsup.report.figures import few_shot_curve
from selfsup.report.labels_saved import Saved, labels_saved
from selfsup.report.run_report import write_report
from selfsup.report.statistics import interval
from selfsup.tasks._finetuned import FineTuned
from selfsup.tasks._plain import plain
from selfsup.tasks._report import command, show
from selfsup.tasks._sizes import at_trained_size
from selfsup.tasks._starts import read_starts, start_of
from selfsup.tasks.pretrain import TEST, TRAIN

# The encoders are the checkpoints'; data and views are checked when their size is known.
USES = ()
CURVES = "curves.json"
Points = dict[str, list[float]]
"""What `LabelEfficiency` returns as its curve: labels, draw and scores of each fit."""
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """Draw the curves and compare them; returns `<start>/<metric>_n<labels>` means and `saved/<start>/n<labels>`.

    Raises:
        ConfigError: starts that cannot be compared, or an unknown mode or metric.
        DataError: data without classes, or too few galaxies.
    """
    starts = read_starts(cfg)
    first = next(path for path in starts.values() if path is not None)
    source: Source = build(at_trained_size(cfg.data, first), "data", trust=tuple(cfg.trust))
    data = GalaxyData(source, batch_size=256, workers=0, seed=cfg.seed, splits=TRAIN)
    score = {"frozen": _frozen, "finetune": _finetuned}[cfg.task.mode]
    folder = Path(HydraConfig.get().runtime.output_dir)
    points: dict[str, Points] = {}
    for name, path in starts.items():
        points[name] = score(cfg, data, start_of(first, path, tuple(cfg.trust)), path is not None)
        with replacing(folder / CURVES) as file:  # after each start: some take an hour
            file.write(f"{json.dumps(points, indent=1)}\n".encode())
        log.info("%s: done", name)
    return _report(cfg, folder, points, len(data.packed.unreadable))


def _frozen(cfg: DictConfig, data: GalaxyData, start: Callable[[int], Encoder], trained: bool) -> Points:
    """A linear classifier of what the encoder says, in evaluation mode."""
    del trained
    encoder = start(cfg.seed)
    probe = LabelEfficiency("label", cfg.task.n_per_class, cfg.task.draws, cfg.task.c, cfg.task.max_iter)
    rows = (labelled(data, TRAIN), labelled(data, TEST))
    return probe(*(embed(encoder, data.catalogue_loader(r), data.catalogue_columns(r)) for r in rows)).curve


def _finetuned(cfg: DictConfig, data: GalaxyData, start: Callable[[int], Encoder], trained: bool) -> Points:
    """The whole encoder, trained on every sample anew."""
    numbers = plain(cfg.task.finetune)
    if not trained:
        numbers["layer_decay"] = None
    views = build(_sized(cfg.task.augmentation, data.source.size_px), "augmentation", trust=tuple(cfg.trust))
    return FineTuned(data, views, numbers).curve(start, cfg.task.n_per_class, cfg.task.draws)


def _sized(augmentation: DictConfig, size_px: int) -> DictConfig:
    """Views of this size, where the recipe leaves it to the data."""
    node = plain(augmentation)
    for group in node["groups"].values():
        if group.get("size_px") is None:
            group["size_px"] = size_px
    return DictConfig(node)


def _report(cfg: DictConfig, folder: Path, points: Mapping[str, Points], unreadable: int) -> dict[str, float]:
    curves = {name: _by_labels(found, cfg.task.metric) for name, found in points.items()}
    plain_curve = curves[cfg.task.plain]
    saved = {name: labels_saved(plain_curve, curve) for name, curve in curves.items() if name != cfg.task.plain}
    means = {
        name: {f"{cfg.task.metric}_n{n}": interval(values).mean for n, values in curve.items()}
        for name, curve in curves.items()
    }
    scores = {f"{name}/{key}": value for name, values in means.items() for key, value in values.items()}
    scores |= {f"saved/{name}/n{n}": each.factor for name, found in saved.items() for n, each in found.items()}
    out = folder / "figures" / "labels.png"
    few_shot_curve({name: _shown(curve) for name, curve in curves.items()}, out)
    caption = f"{cfg.task.metric} on the test part, mean and 95 % interval over {cfg.task.draws} draws of labels."
    write_report(
        folder,
        title=f"Label efficiency, {cfg.task.mode}, on {HydraConfig.get().runtime.choices['data']}",
        command=command(folder),
        config=plain(cfg),
        metrics=scores,
        comparison=means,
        figures=[(out, caption)],
        facts=_facts(saved, cfg.task.plain),
        unreadable=unreadable,
    )
    show(scores)
    return scores


def _facts(saved: Mapping[str, Mapping[int, Saved]], plain_name: str) -> dict[str, str | float]:
    return {
        f"labels saved by {name} against {plain_name}, at {n} of each class": f"{each} times"
        for name, found in saved.items()
        for n, each in found.items()
    }


def _by_labels(points: Points, metric: str) -> dict[int, list[float]]:
    labels = np.array(points["labels"])
    return {int(n): np.array(points[metric])[labels == n].tolist() for n in np.unique(labels)}


def _shown(curve: Mapping[int, list[float]]) -> dict[str, list[float]]:
    found = [interval(values) for values in curve.values()]
    reach = [each.high - each.mean for each in found]
    return {"n": [float(n) for n in curve], "mean": [each.mean for each in found], "std": reach}
