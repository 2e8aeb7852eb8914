"""Hunt for what a person finds interesting: read the ratings, learn, rank all galaxies, and ask about the next ones."""

from __future__ import annotations

import logging
import sys
from functools import partial
from pathlib import Path

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.analysis.components import reduce
from selfsup.analysis.exchange import merge_ratings, read_ratings, write_ranking
from selfsup.analysis.hunt import Expected, Hunt
from selfsup.analysis.interest import Bounds
from selfsup.analysis.journal import OFFERED, Journal
from selfsup.catalogue import Catalogue
from selfsup.report.hunt_figures import batch_sheet, interest_map
from selfsup.report.run_report import write_report
from selfsup.tasks._asking import ask
from selfsup.tasks._catalogue import open_catalogue, thumbnails, thumbnails_or_reason
from selfsup.tasks._passes import passed
from selfsup.tasks._plain import plain
from selfsup.tasks._report import Figures, command, show
from selfsup.types import ConfigError

USES = ()
JOURNAL = "ratings.jsonl"
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """Write `batch.csv`, its pictures, and once anything is rated `ranking.csv`, a map and `catalogue.parquet`.

    The journal of the ratings is in `task.hunt`, all else in the run folder.

    Returns:
        `hunt/rated`, `hunt/best` and `hunt/expected`, the highest rating given, and the highest expected of others.

    Raises:
        ConfigError: a setting out of its range, or nothing to ask with.
        DataError: ratings that are none, or of galaxies that are not in the catalogue.
    """
    folder, task = Path(HydraConfig.get().runtime.output_dir), cfg.task
    _require_settings(task)
    bounds = Bounds(**{name: tuple(pair) for name, pair in task.bounds.items()})
    catalogue = open_catalogue(cfg)
    field = reduce(catalogue, task.components, partial(passed, doing="reading", done="read"))
    hunt = Hunt(field, Journal(Path(task.hunt).expanduser() / JOURNAL), bounds, task.tradeoff, cfg.seed)
    if task.ratings is not None:
        file = Path(task.ratings).expanduser()
        added = merge_ratings(hunt.journal, read_ratings(file), field.ids, str(file))
        log.info("hunt: %d ratings of %s are new", added, file)
    if task.ask:
        _ask(cfg, catalogue, hunt, folder)
    expected = hunt.expected()
    batch = hunt.next_batch(expected, task.batch)
    figures, notes = _offer(cfg, catalogue, hunt, expected, batch, folder)
    if expected.any_rated:
        figures += _publish(cfg, catalogue, hunt, expected, batch, folder)
    metrics = _metrics(expected)
    write_report(
        folder,
        title=f"A hunt among {len(catalogue):,} galaxies",
        command=command(folder),
        config=plain(cfg),
        metrics=metrics,
        comparison={},
        figures=figures,
        facts={"galaxies": len(catalogue), "rated": metrics["hunt/rated"], "to rate next": len(batch)},
        unreadable=0,
        sections=notes,
    )
    show(metrics, "rated")
    return metrics


def _require_settings(task: DictConfig) -> None:
    """Raise ConfigError where a number cannot be what its key says."""
    if task.batch < 1:
        raise ConfigError(f"task.batch={task.batch}: write 1 or more")
    if task.shown is not None and task.shown < 1:
        raise ConfigError(f"task.shown={task.shown}: write 1 or more, or null for all")
    if not task.tradeoff >= 0:
        raise ConfigError(f"task.tradeoff={task.tradeoff}: write 0 or more")


def _ask(cfg: DictConfig, catalogue: Catalogue, hunt: Hunt, folder: Path) -> None:
    """Batch after batch on the terminal, until nobody answers or every galaxy was asked about."""
    number = 0
    while True:
        batch = hunt.next_batch(hunt.expected(), cfg.task.batch)
        if not len(batch):
            return
        ids, number = hunt.ids(batch), number + 1
        sheet = folder / "figures" / f"asked_{number}.png"
        batch_sheet(thumbnails(cfg, catalogue, ids), ids, sheet)
        sys.stdout.write(f"\n{len(ids)} galaxies, drawn in {sheet.resolve()}\n")
        if not ask(hunt.journal, ids, cfg.task.who):
            return


def _offer(
    cfg: DictConfig, catalogue: Catalogue, hunt: Hunt, expected: Expected, batch: np.ndarray, folder: Path
) -> tuple[Figures, list[str]]:
    """Write the next batch as a table to fill in and as pictures; without pictures, a paragraph says why."""
    write_ranking(hunt.field.ids, expected.columns, batch, folder / "batch.csv")
    ids, sheet = hunt.ids(batch), folder / "figures" / "batch.png"
    if not ids:
        return [], ["Every galaxy was asked about."]
    if not cfg.task.ask:  # on the terminal they will be asked about first, next time
        hunt.journal.add([(galaxy, OFFERED) for galaxy in ids], cfg.task.who)
    pictures = thumbnails_or_reason(cfg, catalogue, ids)
    if isinstance(pictures, str):
        return [], [pictures]
    mean = expected.mean[batch]
    captions = [
        f"{galaxy} ({value:.1f})" if np.isfinite(value) else galaxy for galaxy, value in zip(ids, mean, strict=True)
    ]
    batch_sheet(pictures, captions, sheet)
    return [(sheet, "The galaxies to rate next (batch.csv), with the rating that is expected of each.")], []


def _publish(
    cfg: DictConfig, catalogue: Catalogue, hunt: Hunt, expected: Expected, batch: np.ndarray, folder: Path
) -> Figures:
    """The ranking, the catalogue with its new columns, and the map."""
    ranked = expected.ranked()[: cfg.task.shown]
    write_ranking(hunt.field.ids, expected.columns, ranked, folder / "ranking.csv")
    catalogue.append(expected.columns).save(folder / "catalogue.parquet")
    out = folder / "figures" / "interest.png"
    interest_map(_places(catalogue, hunt), expected.mean, np.flatnonzero(~np.isnan(expected.rating)), batch, out)
    return [(out, "All galaxies, in the colour of the rating that is expected of them.")]


def _places(catalogue: Catalogue, hunt: Hunt) -> np.ndarray:
    """(N, 2): the map that `task=map` made, else the first two principal components."""
    if catalogue.has("map_x") and catalogue.has("map_y"):
        return np.stack([catalogue.column("map_x"), catalogue.column("map_y")], axis=1)
    position = hunt.field.position[:, :2]
    return np.pad(position, ((0, 0), (0, 2 - position.shape[1])))


def _metrics(expected: Expected) -> dict[str, float]:
    known = ~np.isnan(expected.rating)
    metrics = {"hunt/rated": float(known.sum())}
    if known.any():
        metrics["hunt/best"] = float(expected.rating[known].max())
    if known.any() and not known.all():
        metrics["hunt/expected"] = float(expected.mean[~known].max())
    return metrics
