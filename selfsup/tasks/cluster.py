"""Groups of galaxies in a catalogue: found, scored against form and colour, shown, and written beside each galaxy."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.analysis.agreement import agreement, as_classes, read_classes, separation
from selfsup.analysis.groups import NOISE, Grouping, by_size, means, mixture, regions
from selfsup.analysis.projection import Components, principal_components, sample_of
from selfsup.analysis.tally import Tally
from selfsup.catalogue import Catalogue
from selfsup.report.cluster_figures import METHODS, cluster_map, examples, examples_sheet
from selfsup.report.galaxy_map import principal
from selfsup.report.run_report import write_report
from selfsup.report.tables import Row, plain_table, write_csv
from selfsup.spelling import nearest
from selfsup.tasks._catalogue import open_catalogue, thumbnails_or_reason
from selfsup.tasks._passes import passed, shown_columns
from selfsup.tasks._plain import plain
from selfsup.tasks._report import Figures, command, show
from selfsup.types import ConfigError

USES = ()
log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, float]:
    """Write `catalogue.parquet` with `group_<method>`, tables, figures and a report into the run folder.

    Returns:
        `cluster/<method>/silhouette`, `davies_bouldin`, `nmi_<column>`, `ari_<column>`, `groups`, `noise_share`, and
        what the method says of its fit. Noise is scored as a group; what one group leaves undefined is left out.

    Raises:
        ConfigError: an unknown method, or a number that nothing can be grouped with.
        DataError: an unknown column, or fewer than two galaxies.
    """
    folder, task = Path(HydraConfig.get().runtime.output_dir), cfg.task
    _require_settings(task)
    catalogue = open_catalogue(cfg)
    compared = shown_columns(catalogue, task.columns)
    components = principal_components((b.embedding() for b in passed(catalogue, "reading", "read")), task.components)
    fitted = catalogue.filter(sample_of(len(catalogue), task.fit_galaxies, cfg.seed))
    groupings = dict(_found(task, components(fitted.embedding()), cfg.seed))
    columns, rows = _group_all(catalogue, components, groupings, compared)
    catalogue = catalogue.append(columns)
    catalogue.save(folder / "catalogue.parquet")
    sample = catalogue.filter(sample_of(len(catalogue), task.score_galaxies, cfg.seed + 1))
    points = components(sample.embedding())
    scores = {
        name: _scores(sample, points, name, compared) | _sizes(rows, name) | dict(grouping.found)
        for name, grouping in groupings.items()
    }
    write_csv(rows, folder / "tables" / "groups.csv")
    write_csv([{"method": name, **found} for name, found in scores.items()], folder / "tables" / "scores.csv")
    figures, note = _figures(cfg, sample, points, folder / "figures")
    metrics = {f"cluster/{name}/{metric}": value for name, found in scores.items() for metric, value in found.items()}
    write_report(
        folder,
        title=f"{len(catalogue):,} galaxies in groups",
        command=command(folder),
        config=plain(cfg),
        metrics=metrics,
        comparison={METHODS[name]: found for name, found in scores.items()},
        figures=figures,
        facts={"galaxies": len(catalogue), "fitted": len(fitted), "scored": len(sample), **_kept(components)},
        unreadable=0,
        sections=[*_tables(rows, compared), *_rule(task, len(catalogue)), *note],
    )
    show(metrics, "drawn")
    return metrics


def _require_settings(task: DictConfig) -> None:
    """Raise ConfigError where a setting cannot be what its key says."""
    for name in task.methods:
        if name not in METHODS:
            raise ConfigError(f"task.methods: there is no {name}{nearest(name, list(METHODS))}; of {list(METHODS)}")
    fewest = {"components": 1, "fit_galaxies": 2, "score_galaxies": 2}
    fewest |= {f"{name}.clusters": 2 for name in METHODS} | {f"{name}.starts": 1 for name in ("kmeans", "gmm")}
    fewest |= {"gmm.max_iter": 1, "hdbscan.min_samples": 1, "hdbscan.components": 1, "hdbscan.fit_galaxies": 2}
    for key, least in fewest.items():
        group, _, leaf = key.rpartition(".")
        if (task[group] if group else task)[leaf] < least:
            raise ConfigError(f"task.{key}: it must be {least} or more")
    shares = list(task.hdbscan.min_cluster_shares)
    if not shares or not all(0 < share <= 1 for share in shares):
        raise ConfigError(f"task.hdbscan.min_cluster_shares={shares}: write shares above 0, and at most 1")


def _found(task: DictConfig, points: np.ndarray, seed: int) -> Iterator[tuple[str, Grouping]]:
    """Method -> the groups that it finds among the points (n, K)."""
    shuffled = np.random.default_rng(seed).permutation(points)  # the first are a sample too
    for name in dict.fromkeys(task.methods):
        log.info("cluster: %s on %d galaxies", METHODS[name], len(points))
        if name == "kmeans":
            yield name, means(points, **task.kmeans, seed=seed)
        elif name == "gmm":
            yield name, mixture(points, **task.gmm, seed=seed)
        else:
            s = task.hdbscan
            few = shuffled[: s.fit_galaxies, : s.components]
            yield name, regions(few, s.clusters, s.min_samples, list(s.min_cluster_shares))


def _group_all(
    catalogue: Catalogue, components: Components, groupings: Mapping[str, Grouping], compared: Sequence[str]
) -> tuple[dict[str, np.ndarray], list[Row]]:
    """The columns of every method over all galaxies, and a row for each of its groups with means of all numbers."""
    labels: dict[str, list[np.ndarray]] = {f"group_{name}": [] for name in groupings}
    certain: dict[str, list[np.ndarray]] = {}
    tallies = {name: Tally(grouping.count) for name, grouping in groupings.items()}
    for batch in passed(catalogue, "grouping", "grouped"):
        points = components(batch.embedding())
        values = {name: batch.column(name) for name in batch.columns if not name.startswith("group_")}
        known = {name: each for name, each in values.items() if each.dtype.kind in "biuf" or name in compared}
        known |= {name: read_classes(batch, name) for name in compared if name not in known}
        for name, grouping in groupings.items():
            groups, probability = grouping.assign(points)
            labels[f"group_{name}"].append(groups.astype(np.int32))
            if probability is not None:
                certain.setdefault(f"group_{name}_probability", []).append(probability.astype(np.float32))
            tallies[name].add(groups, known)
    columns = {name: by_size(np.concatenate(parts)) for name, parts in labels.items()}
    columns |= {name: np.concatenate(parts) for name, parts in certain.items()}
    return columns, [{"method": name, **row} for name, tally in tallies.items() for row in tally.rows()]


def _scores(sample: Catalogue, points: np.ndarray, name: str, compared: Sequence[str]) -> dict[str, float]:
    groups = sample.column(f"group_{name}")
    found = separation(points, groups)
    for column in compared:
        shared = agreement(groups, as_classes(read_classes(sample, column)))
        found |= {f"{metric}_{column}": value for metric, value in shared.items()}
    return found


def _sizes(rows: Sequence[Row], name: str) -> dict[str, float]:
    """How many groups have galaxies, and which share of all is in none."""
    noise = {row["group"] == NOISE: float(row["share"]) for row in rows if row["method"] == name}
    groups = sum(row["method"] == name and row["group"] != NOISE for row in rows)
    return {"groups": float(groups), "noise_share": noise.get(True, 0.0)}


def _figures(cfg: DictConfig, sample: Catalogue, points: np.ndarray, folder: Path) -> tuple[Figures, list[str]]:
    """The groups on two components, and examples of each; without pictures, a paragraph that says why."""
    groups = {name: sample.column(f"group_{name}") for name in dict.fromkeys(cfg.task.methods)}
    colour = sample.column("colour") if sample.has("colour") else np.empty(0)
    seen = colour.dtype.kind in "iuf" and np.isfinite(colour).any()
    out = folder / "groups.png"
    titled = {METHODS[name]: group for name, group in groups.items()}
    cluster_map(principal(points), titled, colour if seen else None, out)
    figures: Figures = [(out, "Galaxies and their groups on the first two principal components.")]
    chosen = [places for group in groups.values() for places in examples(points, group).values()]
    shown, ids = np.unique(np.concatenate(chosen)), sample.ids
    pictures = thumbnails_or_reason(cfg, sample, [ids[place] for place in shown])
    if isinstance(pictures, str):
        return figures, [pictures]
    rows = np.searchsorted(shown, np.arange(len(sample)))  # right for those that are shown
    for name, group in groups.items():
        out = folder / f"{name}.png"
        examples_sheet(points, group, pictures, rows, out)
        figures.append((out, f"The {METHODS[name]} groups, each from its centre (left) to its edge (right)."))
    return figures, []


def _rule(task: DictConfig, total: int) -> list[str]:
    """How most galaxies came to their HDBSCAN group, where it was not fitted on all."""
    few = min(task.fit_galaxies, task.hdbscan.fit_galaxies)
    if "hdbscan" not in task.methods or total <= few:
        return []
    return [f"HDBSCAN was fitted on {few:,} galaxies; each other one has the group, or none, of the nearest of these."]


def _tables(rows: Sequence[Row], compared: Sequence[str]) -> Iterator[str]:
    """A table of groups for each method, with the columns that were compared."""
    for method in dict.fromkeys(str(row["method"]) for row in rows):
        own = [row for row in rows if row["method"] == method]
        wanted = ["group", "galaxies", "share", *(n for n in own[0] if n.removesuffix("_share") in compared)]
        yield f"## {METHODS[method]}\n\n" + plain_table([{**row, "group": str(row["group"])} for row in own], wanted)


def _kept(components: Components) -> dict[str, float]:
    return {"components": len(components.axes), "share of the variance in them": components.explained}
