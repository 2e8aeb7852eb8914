"""The catalogue that a task looks at, and the pictures of some of its galaxies, read from where they were embedded."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from selfsup.catalogue import Catalogue
from selfsup.config import build
from selfsup.data.decode import Unreadable
from selfsup.data.pictures import Pictures
from selfsup.data.source import Source
from selfsup.types import ConfigError

log = logging.getLogger(__name__)
GREY = 128
"""Level of a picture that cannot be read."""


def open_catalogue(cfg: DictConfig) -> Catalogue:
    """The catalogue of `task.catalogue`.

    Raises:
        DataError: there is none; says how one is made.
        ConfigError: it is still being made.
    """
    return open_at(Path(cfg.task.catalogue).expanduser())


def open_at(path: Path) -> Catalogue:
    """The catalogue at a path; errors as `open_catalogue`."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    if not path.exists() and unfinished.is_dir():
        raise ConfigError(f"task.catalogue: {path} is not finished; run its task=embed again, and it goes on")
    return Catalogue.open(path)


def pictures_of(cfg: DictConfig, catalogue: Catalogue) -> Pictures:
    """The pictures of the data set that the catalogue was made of, where they lie now.

    Raises:
        ConfigError: as `source_of`.
        DataError: the data set is not there any more.
    """
    source = source_of(cfg, catalogue)
    return source.pictures(source.read())


def source_of(cfg: DictConfig, catalogue: Catalogue) -> Source:
    """The data set that the catalogue was made of, in `task.folder` if it has moved.

    Raises:
        ConfigError: the catalogue does not say of which, or its classes are not trusted.
    """
    node: Any = catalogue.provenance.get("data")
    if not isinstance(node, dict):
        raise ConfigError(
            "task.catalogue: the catalogue does not say where its images are, so that none can be shown; "
            "make it by task=embed"
        )
    moved = {} if cfg.task.folder is None else {"folder": str(Path(cfg.task.folder).expanduser())}
    source: Source = build(OmegaConf.create({**node, **moved}), "data", trust=tuple(cfg.trust))
    return source


def thumbnails(cfg: DictConfig, catalogue: Catalogue, ids: Sequence[str]) -> np.ndarray:
    """Galaxy ids -> (n, size_px, size_px, 3) uint8, grey where there is no picture; errors as `pictures_of`."""
    pictures = pictures_of(cfg, catalogue)
    place = {galaxy: row for row, galaxy in enumerate(pictures.ids)}
    rows = sorted({place[galaxy] for galaxy in ids if galaxy in place})
    shown = {pictures.ids[row]: found for row, found in zip(rows, pictures.some(rows), strict=True)}
    out = np.full((len(ids), pictures.size_px, pictures.size_px, 3), GREY, dtype=np.uint8)
    missing = 0
    for number, galaxy in enumerate(ids):
        found = shown.get(galaxy)
        if found is None or isinstance(found, Unreadable):
            missing += 1
        else:
            out[number] = found
    if missing:
        log.warning(
            "%d of %d pictures cannot be read, and are shown grey; task.folder=... says where they are",
            *(missing, len(ids)),
        )
    return out


def thumbnails_or_reason(cfg: DictConfig, catalogue: Catalogue, ids: Sequence[str]) -> np.ndarray | str:
    """As `thumbnails`; or, where the catalogue does not say of which data it was made, a sentence for the report."""
    try:
        return thumbnails(cfg, catalogue, ids)
    except ConfigError as error:
        log.warning("no pictures: %s", error)
        return f"There are no pictures: {error}"
