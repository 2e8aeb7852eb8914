"""Compare ways to hunt where the truth is known: many simulated hunts with each, and what they find along the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.analysis.components import reduce
from selfsup.analysis.hunters import Astronomaly, GaussianProcess, Method, StrangestFirst
from selfsup.analysis.interest import Bounds
from selfsup.analysis.simulated_hunt import Plan, simulate
from selfsup.analysis.truth import Truth, read_truth
from selfsup.data.progress import Work, reported
from selfsup.report.hunt_figures import hunt_curves
from selfsup.report.run_report import write_report
from selfsup.report.statistics import Interval, interval
from selfsup.report.tables import Row, markdown, number, write_csv
from selfsup.spelling import nearest
from selfsup.tasks._catalogue import open_catalogue
from selfsup.tasks._passes import passed
from selfsup.tasks._plain import plain
from selfsup.tasks._report import command, show
from selfsup.types import ConfigError

USES = ()
NAMES = {
    "gp": "Gaussian process",
    "random": "the same, asking at random",
    "isolation_forest": "isolation forest",
    "astronomaly": "Astronomaly",
}
Curves = dict[str, list[list[float]]]
"""Score -> a list for each repeat -> its value at each number of ratings."""


def run(cfg: DictConfig) -> dict[str, float]:
    """Write `tables/curves.csv`, a figure and a report into the run folder.

    Returns:
        `hunt/<method>/<score>`: after all ratings, the mean over the repeats.

    Raises:
        ConfigError: an unknown method, or a number that no hunt can be made with.
        DataError: a truth that the catalogue does not have.
    """
    folder, task = Path(HydraConfig.get().runtime.output_dir), cfg.task
    plan, methods = Plan(task.labels, task.batch, list(task.tops)), _methods(task)
    if task.repeats < 1:
        raise ConfigError(f"task.repeats={task.repeats}: write 1 or more")
    catalogue = open_catalogue(cfg)
    truth = read_truth(catalogue, plain(task.truth))
    known = truth.known
    truth = Truth(truth.rating[known], truth.interesting[known])
    plan.validate_for(len(truth.rating))
    field = reduce(catalogue, task.components, partial(passed, doing="reading", done="read"))
    position = field.position[known]
    found: dict[str, Curves] = {name: {} for name in methods}
    with reported(len(methods) * task.repeats, Work("making", "made", "hunts")) as advance:
        for repeat in range(task.repeats):
            for name, method in methods.items():
                seed = cfg.seed + repeat
                for score, values in simulate(method(position, seed), truth, plan, seed).items():
                    found[name].setdefault(score, []).append(values)
                advance(1)
    labels = [int(value) for value in next(iter(found.values())).pop("labels")[0]]
    for curves in found.values():
        curves.pop("labels", None)
    return _report(cfg, folder, {name: _intervals(curves) for name, curves in found.items()}, labels, truth)


def _methods(task: DictConfig) -> dict[str, Method]:
    """Those that are asked for."""
    bounds = Bounds(**{name: tuple(pair) for name, pair in task.gp.bounds.items()})
    every: dict[str, Method] = {
        "gp": GaussianProcess(bounds, task.gp.tradeoff),
        "random": GaussianProcess(bounds, task.gp.tradeoff, random=True),
        "isolation_forest": StrangestFirst(**task.isolation_forest),
        "astronomaly": Astronomaly(**task.astronomaly),
    }
    for name in task.methods:
        if name not in every:
            raise ConfigError(f"task.methods: there is no {name}{nearest(name, list(every))}; of {list(every)}")
    if not task.methods:
        raise ConfigError(f"task.methods: none; write some of {list(every)}")
    return {name: every[name] for name in task.methods}


def _intervals(curves: Curves) -> dict[str, list[Interval]]:
    """Score -> mean and interval over the repeats, at each number of ratings."""
    return {score: [interval(at) for at in zip(*repeats, strict=True)] for score, repeats in curves.items()}


def _report(
    cfg: DictConfig,
    folder: Path,
    found: Mapping[str, Mapping[str, Sequence[Interval]]],
    labels: Sequence[int],
    truth: Truth,
) -> dict[str, float]:
    task = cfg.task
    rows: list[Row] = [
        {"method": method, "score": score, "ratings": at, "mean": one.mean, "low": one.low, "high": one.high}
        for method, scores in found.items()
        for score, along in scores.items()
        for at, one in zip(labels, along, strict=True)
    ]
    write_csv(rows, folder / "tables" / "curves.csv")
    kinds = {"score": "weighted score", "accuracy": "accuracy", "recall": "recall"}
    panels = {f"{kind}_{top}": f"{name}, top {top}" for top in task.tops for kind, name in kinds.items()}
    out = folder / "figures" / "hunts.png"
    hunt_curves({NAMES[method]: scores for method, scores in found.items()}, labels, panels, out)
    last = {method: {score: along[-1] for score, along in scores.items()} for method, scores in found.items()}
    metrics = {f"hunt/{method}/{score}": one.mean for method, scores in last.items() for score, one in scores.items()}
    write_report(
        folder,
        title=f"Hunts for {_wanted(plain(task.truth))}",
        command=command(folder),
        config=plain(cfg),
        metrics=metrics,
        comparison={},
        figures=[(out, f"What hunts find along their ratings: mean and 95 % interval of {task.repeats} hunts.")],
        facts={
            "galaxies": len(truth.rating),
            "interesting": int(truth.interesting.sum()),
            "ratings": labels[-1],
            "hunts with each method": task.repeats,
        },
        unreadable=0,
        sections=[_table(last)],
    )
    show(metrics, "simulated")
    return metrics


def _wanted(said: Mapping[str, Any]) -> str:
    """What is hunted for, in words."""
    return f"{said['column']} above {said['above']}" if "above" in said else f"{said['column']} {said['class']}"


def _table(last: Mapping[str, Mapping[str, Interval]]) -> str:
    """Scores after all ratings; a method a column."""
    scores = next(iter(last.values()))
    rows = [[score, *(_shown(values[score]) for values in last.values())] for score in scores]
    return "## After all ratings\n\n" + markdown(["score", *(NAMES[method] for method in last)], rows)


def _shown(one: Interval) -> str:
    return f"{number(one.mean)} ± {number(one.reach)}" if one.n > 1 else number(one.mean)
