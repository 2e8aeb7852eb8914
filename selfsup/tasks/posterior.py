"""Ask several trained networks, with dropout, for the votes of a data set: a catalogue, and its calibration."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.config import build
from selfsup.data.datamodule import PARTS, GalaxyData
from selfsup.data.source import Source
from selfsup.dropout import posterior, tree_of
from selfsup.embed import embed, load_objective
from selfsup.posteriors.calibration import Calibration, calibrate, whole_votes
from selfsup.posteriors.posterior import Posterior
from selfsup.report.posterior_figures import Forecast, calibration_curves, coverage_bars, one_against_all
from selfsup.report.run_report import write_report
from selfsup.tasks._plain import plain
from selfsup.tasks._report import Figures, command, show
from selfsup.tasks._sizes import at_trained_size
from selfsup.types import ConfigError
from selfsup.votes import QuestionTree

# The networks are the checkpoints'; the data node is checked when its size is known.
USES = ()
OUTPUT = "posterior.parquet"
"""The catalogue, in the run's folder."""
AT_A_TIME = 8192
"""Galaxies whose concentrations are in memory together: 18 MB of 15 networks and 37 answers."""
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """Predict every readable galaxy; compare with the votes of `task.splits`, where there are any; write a report.

    Raises:
        ConfigError: no checkpoints, of several sizes or trees, or not of votes.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    checkpoints, trust = [Path(name).expanduser() for name in cfg.task.checkpoints], tuple(cfg.trust)
    objectives = [load_objective(checkpoint, trust, cfg.task.symmetries) for checkpoint in checkpoints]
    tree = tree_of(objectives)
    data = GalaxyData(_source(cfg, checkpoints), batch_size=256, workers=0, seed=cfg.seed, splits=("train",))
    _require(data, tree)
    scored, parts, columns = _voted(data, cfg.task.splits), [], []
    for rows in _cut(data.rows()):
        found = posterior(objectives, data.catalogue_loader(rows), cfg.task.passes, cfg.seed)
        columns.append(_columns(found, cfg))
        parts.append(found.only(galaxies=np.flatnonzero(np.isin(rows, scored))))
    table = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
    _save(folder / OUTPUT, objectives[0], data, table, cfg)
    every = Posterior(tree, np.concatenate([part.alphas for part in parts], axis=1))
    steady = posterior(objectives[:1], data.catalogue_loader(scored), 0, cfg.seed)
    return _report(cfg, folder, data, scored, _who(every, steady, cfg.task.passes), table)


def _source(cfg: DictConfig, checkpoints: list[Path]) -> Source:
    """The data at the size that all networks were trained at."""
    nodes = [at_trained_size(cfg.data, checkpoint) for checkpoint in checkpoints]
    sizes = sorted({node.size_px for node in nodes})
    if len(sizes) > 1:
        raise ConfigError(f"task.checkpoints were trained at {sizes} px; write data.size_px={sizes[0]}, or another")
    source: Source = build(nodes[0], "data", trust=tuple(cfg.trust))
    return source


def _voted(data: GalaxyData, splits: Sequence[str]) -> np.ndarray:
    """Rows of these parts that somebody voted on.

    Raises:
        ConfigError: there is no such part.
    """
    if not splits or not set(splits) <= set(PARTS):
        raise ConfigError(f"task.splits: {list(splits)} is not a choice of {', '.join(PARTS)}")
    if data.votes is None:
        return np.empty(0, dtype=np.int64)
    rows = data.rows(*splits)
    return np.asarray(rows[data.votes[rows].sum(1) > 0])


def _cut(rows: np.ndarray) -> Iterator[np.ndarray]:
    return (rows[start : start + AT_A_TIME] for start in range(0, len(rows), AT_A_TIME))


def _require(data: GalaxyData, tree: QuestionTree) -> None:
    """Raise ConfigError where the votes of the data are of another tree."""
    votes = data.found.tree
    if votes is not None and votes.name != tree.name:
        raise ConfigError(f"data.tree={votes.name}, but task.checkpoints were trained on the tree {tree.name}")


def _columns(found: Posterior, cfg: DictConfig) -> dict[str, np.ndarray]:
    """Values for the catalogue: of each answer (fractions of those asked) and of each question."""
    task, mean, interval, asked = cfg.task, found.mean(), found.interval(cfg.task.level), found.asked()
    error = found.expected_error()
    columns: dict[str, np.ndarray] = {}
    for i, answer in enumerate(found.tree.answers):
        columns |= {f"{answer}_mean": mean[:, i], f"{answer}_error": error[:, i]}
        columns |= {f"{answer}_low": interval[:, i, 0], f"{answer}_high": interval[:, i, 1]}
    for i, question in enumerate(found.tree.slices):
        information = found.mutual_information(question, task.volunteers, task.exact_up_to, task.draws, cfg.seed)
        columns[f"{question}_asked"] = asked[:, i]
        columns[f"{question}_information"] = information.value
        columns[f"{question}_information_error"] = information.standard_error
    return {name: values.astype(np.float32) for name, values in columns.items()}


def _save(out: Path, objective: Any, data: GalaxyData, table: Mapping[str, np.ndarray], cfg: DictConfig) -> None:
    """The data set's columns and the predictions, on the embedding of the first network."""
    provenance = {
        "task": plain(cfg.task),
        "seed": cfg.seed,
        "size_px": data.source.size_px,
        "folder": data.source.folder,
    }
    loader = data.catalogue_loader(data.rows())
    catalogue = embed(objective.online_encoder(), loader, {**data.columns, **table}, provenance)
    catalogue.save(out)
    log.info("%s: %d galaxies", out, len(catalogue))


def _who(every: Posterior, steady: Posterior, passes: int) -> dict[str, Posterior]:
    """Name -> what one network says, one pass, all passes of one network, all; each number of networks once."""
    named = {"one network": steady}
    if passes:
        named["one pass of it"] = every.only(models=slice(1))
    if 1 < passes < every.models:
        named[f"{passes} passes of it"] = every.only(models=slice(passes))
    if every.models > 1:
        named[f"all {every.models}"] = every
    return named


def _report(
    cfg: DictConfig,
    folder: Path,
    data: GalaxyData,
    scored: np.ndarray,
    who: Mapping[str, Posterior],
    table: Mapping[str, np.ndarray],
) -> dict[str, float]:
    task, found, figures = cfg.task, {}, []
    if len(scored) and data.votes is not None:
        votes, settings = data.votes[scored], (list(task.levels), task.bins, task.crowds, cfg.seed)
        found = {name: calibrate(one, votes, *settings) for name, one in who.items()}
        figures = _figures(cfg, folder / "figures", found, data, scored, list(who.values())[-1])
    scores = dict(list(found.values())[-1].metrics) if found else {}
    scores |= {name: float(values.mean()) for name, values in table.items() if name.endswith("_information")}
    scores = {f"posterior/{name}": value for name, value in scores.items()}
    write_report(
        folder,
        title=f"Votes as {list(who.values())[-1].models} networks see them",
        command=command(folder),
        config=plain(cfg),
        metrics=scores,
        comparison={name: one.metrics for name, one in found.items()},
        figures=figures,
        facts={"galaxies": len(data.packed.ids), "compared with votes": len(scored)},
        unreadable=len(data.packed.unreadable),
    )
    show(scores)
    return scores


def _figures(
    cfg: DictConfig,
    folder: Path,
    found: Mapping[str, Calibration],
    data: GalaxyData,
    scored: np.ndarray,
    every: Posterior,
) -> Figures:
    names = "one_against_all", "coverage", "votes_calibration", "majority_calibration"
    forecast, coverage, votes, majority = (folder / f"{name}.png" for name in names)
    figures: Figures = []
    if forecasts := _forecasts(every, data, scored, cfg.task.shown):
        one_against_all(forecasts, forecast)
        figures.append((forecast, "Votes that one network expects, and all: each thin, the mixture thick."))
    levels = list(cfg.task.levels)
    shares = {who: {v: one.metrics[f"coverage_{100 * v:g}"] for v in levels} for who, one in found.items()}
    coverage_bars(shares, coverage)
    questions = list(next(iter(found.values())).votes)
    calibration_curves({q: {who: one.votes[q] for who, one in found.items()} for q in questions}, votes)
    calibration_curves({q: {who: one.majority[q] for who, one in found.items()} for q in questions}, majority)
    return [
        *figures,
        (coverage, "Share of observed counts inside central intervals; the lines are what the intervals promise."),
        (votes, "Calibration of the expected fractions: each vote a case."),
        (majority, "Calibration of the probability that the likeliest answer gets most votes: each galaxy a case."),
    ]


def _forecasts(every: Posterior, data: GalaxyData, scored: np.ndarray, shown: int) -> list[Forecast]:
    """Of each of the first questions that were asked, its first answer, for the galaxy with most votes on it.

    No galaxy is shown twice while there are others.
    """
    counts = whole_votes(every, np.asarray(data.votes)[scored])
    totals = every.totals(counts)
    made: list[Forecast] = []
    fresh = np.ones(len(scored), dtype=bool)
    for i, question in enumerate(every.tree.questions):
        row = int((totals[:, i] * fresh).argmax())
        fresh[row] = False
        if totals[row, i] and len(made) < shown:
            answer, place = question.keys[0], np.array([row])
            pmfs = every.only(galaxies=place).pmf(answer, totals[place, i])[:, 0]
            seen = int(counts[row, every.tree.answers.index(answer)])
            title = f"{question.name}: {question.answers[0]}"
            made.append(Forecast(title, np.asarray(data.packed.images[scored[row]]), pmfs, seen))
    return made
