"""How well several trained networks, with dropout, foretell the votes of galaxies that they did not learn from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.config import build
from selfsup.data.datamodule import PARTS, GalaxyData
from selfsup.dropout import posterior
from selfsup.posteriors.calibration import Calibration, calibrate, whole_votes
from selfsup.posteriors.posterior import Posterior
from selfsup.report.posterior_figures import Forecast, calibration_curves, coverage_bars, one_against_all
from selfsup.report.run_report import write_report
from selfsup.tasks._networks import read_networks
from selfsup.tasks._plain import plain
from selfsup.tasks._report import Figures, command, show
from selfsup.tasks._surveying import accelerated
from selfsup.types import ConfigError

# The networks are the checkpoints'; the data node is checked when its size is known.
USES = ()


def run(cfg: DictConfig) -> dict[str, float]:
    """Compare what the networks say with the votes of `task.splits`, and write a report.

    Raises:
        ConfigError: no checkpoints, of several sizes or trees, or not of votes; no votes to compare with.
    """
    networks = read_networks(cfg)
    source = build(networks.data, "data", trust=tuple(cfg.trust))
    data = GalaxyData(source, batch_size=256, workers=0, seed=cfg.seed, splits=("train",))
    networks.require_votes_of_tree(data.found)
    scored = _voted(data, cfg.task.splits)
    accelerated(*networks.objectives)
    every = posterior(networks.objectives, data.catalogue_loader(scored), cfg.task.passes, cfg.seed)
    steady = posterior(networks.objectives[:1], data.catalogue_loader(scored), 0, cfg.seed)
    return _report(cfg, data, scored, _who(every, steady, cfg.task.passes))


def _voted(data: GalaxyData, splits: Sequence[str]) -> np.ndarray:
    """Rows of these parts that somebody voted on.

    Raises:
        ConfigError: there is no such part, or there are no votes in it.
    """
    if not splits or not set(splits) <= set(PARTS):
        raise ConfigError(f"task.splits: {list(splits)} is not a choice of {', '.join(PARTS)}")
    votes = data.votes
    rows = data.rows(*splits) if votes is not None else np.empty(0, dtype=np.int64)
    voted = rows[votes[rows].sum(1) > 0] if votes is not None else rows
    if not len(voted):
        raise ConfigError(
            f"{data.source.folder}: no votes in {'+'.join(splits)} to compare with; name data.tree=... and a table of "
            f"them, or write task=predict, which needs none"
        )
    return np.asarray(voted)


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


def _report(cfg: DictConfig, data: GalaxyData, scored: np.ndarray, who: Mapping[str, Posterior]) -> dict[str, float]:
    task, folder, votes = cfg.task, Path(HydraConfig.get().runtime.output_dir), np.asarray(data.votes)[scored]
    settings = (list(task.levels), task.bins, task.crowds, cfg.seed)
    found = {name: calibrate(one, votes, *settings) for name, one in who.items()}
    every, best = list(who.values())[-1], list(found.values())[-1]
    scores = {f"posterior/{name}": value for name, value in best.metrics.items()}
    write_report(
        folder,
        title=f"Votes as {every.models} networks see them",
        command=command(folder),
        config=plain(cfg),
        metrics=scores,
        comparison={name: one.metrics for name, one in found.items()},
        figures=_figures(cfg, folder / "figures", found, data, scored, every),
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
