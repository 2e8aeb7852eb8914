"""Where a catalogue's galaxies lie on a map: some are laid out, all others take their places among these."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from omegaconf import DictConfig

from selfsup.analysis.placement import Landmarks
from selfsup.analysis.projection import Components, sample_of, tsne, umap
from selfsup.catalogue import Catalogue
from selfsup.tasks._passes import passed
from selfsup.types import DataError

METHODS = {"umap": "UMAP", "tsne": "t-SNE", "pca": "principal components"}
log = logging.getLogger(__name__)


def places_of(task: DictConfig, seed: int, catalogue: Catalogue, components: Components, method: str) -> np.ndarray:
    """(N, 2) float32: the sample as it was laid out, all others among their neighbours in it.

    Args:
        task: `fit_galaxies`, `neighbours`, and the settings of the method.
        seed: of the sample and the method.
        catalogue: of N galaxies.
        components: that a map is made of.
        method: one of `METHODS`.

    Raises:
        ConfigError: the method's package is not installed, or it wants more neighbours than there are galaxies.
        DataError: the embeddings have one number each, or are all alike.
    """
    if catalogue.dim < 2:
        raise DataError(f"the embeddings are {catalogue.dim} wide; a map is made of two numbers or more.")
    if method == "pca":
        return _placed(catalogue, lambda points: components(points)[:, :2])
    sample = sample_of(len(catalogue), task.fit_galaxies, seed)
    points = components(catalogue.filter(sample).embedding())
    log.info("map: %s of %d galaxies", METHODS[method], len(points))
    laid_out = umap(points, **task.umap, seed=seed) if method == "umap" else tsne(points, **task.tsne, seed=seed)
    if sample.all():
        return laid_out.astype(np.float32)
    land = Landmarks(points, laid_out, task.neighbours)
    places = _placed(catalogue, lambda embedding: land(components(embedding)))
    places[sample] = laid_out
    return places


def _placed(catalogue: Catalogue, place: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    parts = [place(batch.embedding()).astype(np.float32) for batch in passed(catalogue, "placing", "placed")]
    return np.concatenate(parts)
