"""Labelling by rounds: predict, choose what would tell most, ask, train on all answers, keep what is no worse.

The loop of Galaxy Zoo (Walmsley et al. 2020, arXiv:1905.07424). That new networks must prove themselves on a part that
never changes is how a survey keeps a catalogue in use while its network learns on.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from selfsup import trees
from selfsup.analysis.acquisition import RANDOM, choose
from selfsup.config import CONTRACTS, build
from selfsup.data.datamodule import GalaxyData
from selfsup.dropout import Passes, posterior
from selfsup.embed import load_objective
from selfsup.objectives.dirichlet import Dirichlet
from selfsup.posteriors.posterior import Posterior
from selfsup.tasks._acquisition import acquisition
from selfsup.tasks._again import going_on
from selfsup.tasks._campaign import ANSWERS, ASKED, Campaign, Round
from selfsup.tasks._campaign_report import report_campaign
from selfsup.tasks._plain import plain
from selfsup.tasks._subjects import write_subjects
from selfsup.tasks._surveying import accelerated
from selfsup.tasks.pretrain import assemble, closed
from selfsup.training.loop import fit
from selfsup.types import ConfigError
from selfsup.votes import QuestionTree

USES = tuple(CONTRACTS)
NETWORK_SEEDS = 1000
"""Between the seeds of the networks of a round."""
REVEAL, WAIT = "votes", "csv"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Galaxies:
    """The galaxies of a campaign.

    Args:
        data: all of them.
        tree: of their votes.
        pool: rows that may be asked about.
        chosen_on: rows of the validation part that have votes.
        scored_on: rows of the part of the curves that have votes.
        known: (N, A) votes that were there before the campaign, of `pool`.
    """

    data: GalaxyData
    tree: QuestionTree
    pool: np.ndarray
    chosen_on: np.ndarray
    scored_on: np.ndarray
    known: np.ndarray

    def ids(self, rows: np.ndarray) -> list[str]:
        """Of these rows."""
        return [self.data.packed.ids[row] for row in rows]

    def left(self, campaign: Campaign) -> np.ndarray:
        """Rows of the pool that have not been asked about."""
        asked = campaign.asked()
        return np.array([row for row in self.pool if self.data.packed.ids[row] not in asked], dtype=np.int64)


def run(cfg: DictConfig) -> dict[str, float]:
    """Go on with the campaign until `task.rounds` are over, or answers are missing; report.

    Raises:
        ConfigError: no objective of votes, no votes where they are needed, or another campaign in the folder.
        Interrupted: a signal asked to stop; the same command goes on.
    """
    galaxies = _read(cfg)
    campaign = Campaign(Path(cfg.task.campaign).expanduser(), galaxies.tree, _made_of(cfg))
    with going_on(campaign.folder):
        for number in range(cfg.task.rounds + 1):
            if not _hold(cfg, campaign, campaign.round(number), galaxies):
                break
    return report_campaign(cfg, campaign, galaxies.data, _say(cfg, campaign, galaxies))


def _hold(cfg: DictConfig, campaign: Campaign, each: Round, galaxies: Galaxies) -> bool:
    """What is missing of a round -> whether it is over."""
    if each.asked is None:
        rows, scores = _chosen(cfg, campaign, each, galaxies)
        if not len(rows):
            log.info("round %d: nobody is left to be asked about", each.number)
            return False
        each.ask(galaxies.ids(rows), scores.tolist())
    if each.answers is None and not _answered(cfg, each, galaxies):
        return False
    if each.scores is None:
        _train(cfg, campaign, each, galaxies)
    return True


def _read(cfg: DictConfig) -> Galaxies:
    """The galaxies: those to be asked about are of `trainer.splits`, and in a simulation have votes to reveal."""
    _require_votes_and_dropout(cfg)
    source = build(cfg.data, "data", trust=tuple(cfg.trust))
    data = GalaxyData(source, batch_size=256, workers=0, seed=cfg.seed, splits=cfg.trainer.splits)
    data.narrow_to(("votes",))
    votes, tree = np.asarray(data.votes), trees.tree(str(cfg.data.tree))
    voted = votes.sum(1) > 0
    pool = data.rows(*cfg.trainer.splits)
    known = np.zeros_like(votes)
    if cfg.task.ask == REVEAL:
        pool = pool[voted[pool]]
    else:
        known[pool] = votes[pool]
        pool = pool[~voted[pool]]
    fixed = [rows[voted[rows]] for rows in (data.rows("val"), data.rows(cfg.task.score_on))]
    for name, rows in zip(("val", cfg.task.score_on), fixed, strict=True):
        if not len(rows):
            raise ConfigError(f"{data.source.folder}: no votes in the part {name}, on which networks are compared")
    return Galaxies(data, tree, pool, fixed[0], fixed[1], known)


def _require_votes_and_dropout(cfg: DictConfig) -> None:
    """Refuse what could not be trained, or not be asked several times, before the first image is decoded."""
    if cfg.task.ask not in (REVEAL, WAIT):
        raise ConfigError(f"task.ask: {cfg.task.ask} is neither {REVEAL} nor {WAIT}")
    trust = tuple(cfg.trust)
    objective = build(cfg.objective, "objective", build(cfg.encoder, "encoder", trust=trust), trust=trust)
    if not any(isinstance(part, Dirichlet) for part in objective.modules()):
        raise ConfigError(f"objective: {type(objective).__name__} predicts no votes; write objective=dirichlet")
    Passes(objective, cfg.task.passes, (cfg.seed,))


def _made_of(cfg: DictConfig) -> dict[str, Any]:
    """What may not change within a campaign: how many rounds it has, may."""
    given = plain(cfg)
    free = ("campaign", "rounds", "shown")
    task = {name: value for name, value in given["task"].items() if name not in free}
    groups = {name: given[name] for name in ("encoder", "objective", "augmentation", "optimizer", "trainer", "seed")}
    data = {name: value for name, value in given["data"].items() if name not in ("cache", "max_unreadable_share")}
    return {"task": task, "data": data, **groups}


def _chosen(cfg: DictConfig, campaign: Campaign, each: Round, galaxies: Galaxies) -> tuple[np.ndarray, np.ndarray]:
    """Rows to ask about, and their scores."""
    task, kept, rows = cfg.task, campaign.kept(), galaxies.left(campaign)
    if kept is None or (task.acquisition == RANDOM and not task.settled):
        scores = np.random.default_rng((cfg.seed, each.number)).random(len(rows))
    else:
        ask = acquisition(cfg, task.acquisition, plain(task.settled), cfg.seed + each.number)
        scores = ask.scores(_foretold(cfg, kept, galaxies.data, rows))
    best = choose(scores, task.first if kept is None else task.batch)
    return rows[best], scores[best]


def _answered(cfg: DictConfig, each: Round, galaxies: Galaxies) -> bool:
    """Whether there are answers, after the data set's votes have been revealed, where that is how it is asked."""
    ids = each.asked or []
    rows = galaxies.data.packed.index_of(ids)
    if cfg.task.ask == REVEAL:
        each.answer(ids, np.rint(np.asarray(galaxies.data.votes)[rows]))  # shares times people are no whole votes
        return True
    write_subjects(each.folder, ids, np.asarray(galaxies.data.packed.images[rows]))
    log.info(
        "round %d waits for answers: ask about the %d galaxies of %s, write %s (id, %s, ...), and start this again",
        *(each.number, len(ids), each.folder / ASKED, each.folder / ANSWERS, galaxies.tree.answers[0]),
    )
    return False


def _train(cfg: DictConfig, campaign: Campaign, each: Round, galaxies: Galaxies) -> None:
    """Train the round's networks on all answers so far, and keep them if they are no worse on the validation part."""
    votes = galaxies.known + campaign.known(galaxies.data.packed.ids)
    for number in range(cfg.task.networks):
        folder = each.network(number)
        folder.mkdir(parents=True, exist_ok=True)
        own = OmegaConf.merge(cfg, {"seed": cfg.seed + NETWORK_SEEDS * number})
        parts = assemble(own, folder)  # type: ignore[arg-type]
        parts.data.votes = votes
        with closed(parts.loggers):
            fit(parts.learner, parts.data, {}, parts.loggers, folder)
    new = {**_scores(cfg, each, galaxies, "val", galaxies.chosen_on)}
    new |= _scores(cfg, each, galaxies, cfg.task.score_on, galaxies.scored_on)
    before = campaign.kept()
    bar = -np.inf if before is None else (before.scores or {})["val/log_likelihood"]
    labelled = int((votes.sum(1) > 0).sum())
    each.score({"labels": labelled, "kept": bool(new["val/log_likelihood"] >= bar), **new})
    log.info("round %d, %d galaxies with votes: %s", each.number, labelled, each.scores)


def _scores(cfg: DictConfig, each: Round, galaxies: Galaxies, part: str, rows: np.ndarray) -> dict[str, float]:
    """Mean log-likelihood of a question's votes, of all and of each, and root mean square error of the fractions.

    Of galaxies and questions about which somebody was asked; a question about which nobody was has no score.
    """
    found = _foretold(cfg, each, galaxies.data, rows)
    votes = np.rint(np.asarray(galaxies.data.votes)[rows])
    asked = found.totals(votes) > 0
    likelihood = np.where(asked, found.log_likelihood(votes), np.nan)
    of_each = {
        f"{part}/log_likelihood/{question}": float(np.nanmean(values))
        for question, values in zip(galaxies.tree.slices, likelihood.T, strict=True)
        if not np.isnan(values).all()
    }
    reached = np.repeat(asked, [len(question.answers) for question in galaxies.tree.questions], axis=1)
    error = (found.mean() - np.nan_to_num(galaxies.tree.fractions(votes)))[reached]
    of_all = {"log_likelihood": np.nanmean(likelihood), "error": np.sqrt((error**2).mean())}
    return {f"{part}/{name}": float(value) for name, value in of_all.items()} | of_each


def _foretold(cfg: DictConfig, each: Round, data: GalaxyData, rows: np.ndarray) -> Posterior:
    """What a round's networks say of these rows."""
    networks = [load_objective(each.network(number), tuple(cfg.trust)) for number in range(cfg.task.networks)]
    accelerated(*networks)
    return posterior(networks, data.catalogue_loader(rows), cfg.task.passes, cfg.seed)


def _say(cfg: DictConfig, campaign: Campaign, galaxies: Galaxies) -> tuple[np.ndarray, Posterior] | None:
    """Rows that could still be asked about, and what the networks in use say of them; None before there are any."""
    kept, rows = campaign.kept(), galaxies.left(campaign)
    if kept is None or not len(rows):
        return None
    return rows, _foretold(cfg, kept, galaxies.data, rows)
