"""A catalogue to explore where there is none yet: galaxies of the synthetic sky, described without any training."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from selfsup.catalogue import About, Catalogue
from selfsup.config import build
from selfsup.data.datamodule import GalaxyData
from selfsup.data.synthetic import Synthetic
from selfsup.evaluate import fit_pixels, project
from selfsup.posteriors.posterior import Posterior
from selfsup.tasks._plain import digest, plain
from selfsup.types import ConfigError
from selfsup.votes import QuestionTree

FORMAT = 2
LEVEL = 0.9
log = logging.getLogger(__name__)


def sky_catalogue(cfg: DictConfig) -> tuple[Path, str]:
    """The file of a catalogue of `task.sky_galaxies` galaxies, made where it is not in the cache, and what to call it.

    The embeddings are the principal components of the pixels. Beside the truth and the shares of the volunteers' votes
    stands what these votes say of the fractions of an infinite crowd, starting from even odds: `<answer>_mean`, `_low`,
    `_high` and `<question>_asked`, as of `task=predict`.

    Raises:
        ConfigError: the data are not the synthetic sky.
    """
    if not isinstance(build(cfg.data, "data", trust=tuple(cfg.trust)), Synthetic):
        raise ConfigError("task.catalogue: write which; task=embed makes one of these data")
    node = {**plain(cfg.data), "count": cfg.task.sky_galaxies, "exposures": 1, "stream": False}
    source = build(OmegaConf.create(node), "data", trust=tuple(cfg.trust))
    about = {"format": FORMAT, "components": cfg.task.components, "sky": source.sky.describe(), "count": source.count}
    file = Path(source.cache).expanduser().resolve() / f"{digest(about)}-explore.parquet"
    if not file.is_file():
        log.info("no task.catalogue: making one of %d galaxies of the synthetic sky, kept in %s", source.count, file)
        data = GalaxyData(source, batch_size=256, workers=0, seed=cfg.seed, splits=("train",))
        _made(data, cfg.task.components, node).save(file)
    return file, "Synthetic sky, by its pixels"


def _made(data: GalaxyData, components: int, node: dict[str, Any]) -> Catalogue:
    rows = data.rows()
    embedded = project(fit_pixels(data, rows, components), data, rows)
    columns = {name: embedded.column(name) for name in embedded.columns}
    provenance: dict[str, Any] = {
        "name": "explore",
        "embedding": "principal components of the pixels; nothing was trained",
        "data": node,
    }
    catalogue = Catalogue.from_arrays(embedded.ids, embedded.embedding(), columns, provenance)
    if data.votes is None or data.found.tree is None:
        return catalogue
    said = voted(data.found.tree, data.votes[rows])
    return catalogue.append(said, {name: About(description=_meaning(name)) for name in said})


def _meaning(name: str) -> str:
    if name.endswith("_asked"):
        return "expected share of volunteers who would be asked this"
    if name.endswith("_mean"):
        return "expected share of volunteers who would answer so, from the votes"
    return f"end of the interval that holds this share of volunteers with a probability of {LEVEL:.0%}"


def voted(tree: QuestionTree, votes: np.ndarray) -> dict[str, np.ndarray]:
    """(N, A) votes -> columns of what they say of the fractions: a Dirichlet of the votes and 1 for each answer."""
    found = Posterior(tree, (votes.astype(np.float64) + 1)[None])
    mean, interval, asked = found.mean(), found.interval(LEVEL), found.asked()
    columns: dict[str, np.ndarray] = {}
    for i, answer in enumerate(tree.answers):
        columns |= {f"{answer}_mean": mean[:, i]}
        columns |= {f"{answer}_low": interval[:, i, 0], f"{answer}_high": interval[:, i, 1]}
    columns |= {f"{question}_asked": asked[:, i] for i, question in enumerate(tree.slices)}
    return {name: values.astype(np.float32) for name, values in columns.items()}
