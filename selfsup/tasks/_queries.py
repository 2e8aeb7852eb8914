"""What a search is asked: galaxies of the catalogue, a place on the sky, pictures, or vectors become points."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from omegaconf import DictConfig

from selfsup.analysis.neighbours import middle
from selfsup.analysis.positions import nearest_at
from selfsup.analysis.rows import embeddings, find, take
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError

NAMED = 3
"""Examples that a query is named after, at most."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Query:
    """A point of embedding space, and the examples that it stands for.

    Args:
        examples: their names, which are ids where they are galaxies of the catalogue.
        vector: (D,).
        rows: numbers of the examples in the catalogue; none where they are not of it.
        pictures: (n, H, W, 3) uint8 of the examples, or none where they are of the catalogue, or have none.
    """

    examples: list[str]
    vector: np.ndarray
    rows: np.ndarray
    pictures: np.ndarray

    @property
    def name(self) -> str:
        """The first examples, and how many more there are."""
        more = len(self.examples) - NAMED
        return ", ".join(self.examples[:NAMED]) + (f" and {more} more" if more > 0 else "")


class _Examples(NamedTuple):
    """What is asked for: n names, (n, D) vectors, and what a `Query` says of each."""

    names: list[str]
    vectors: np.ndarray
    rows: np.ndarray
    pictures: np.ndarray


def read_queries(cfg: DictConfig, catalogue: Catalogue) -> list[Query]:
    """What `task.like`, `images`, `at` or `vector` ask for; several examples are one query where `task.together`.

    Raises:
        ConfigError: none of them says what is looked for, or several do; no encoder for pictures; no such vectors.
        DataError: an id, or a galaxy at the place, is not in the catalogue; a picture cannot be read.
    """
    task = cfg.task
    readers: dict[str, Callable[[DictConfig, Catalogue], _Examples]] = {
        "like": _like, "images": _images, "at": _at, "vector": _vector,
    }  # fmt: skip
    asked = [key for key in readers if task[key] is not None and task[key] != []]
    if len(asked) != 1:
        raise ConfigError(
            f"task.{', task.'.join(asked or readers)}: {'more than one says' if asked else 'none says'} what is looked "
            f"for; write one, such as 'task.like=[ID]'"
        )
    found = readers[asked[0]](cfg, catalogue)
    if task.together:
        return [Query(found.names, middle(found.vectors, task.metric), found.rows, found.pictures)]
    each = [slice(i, i + 1) for i in range(len(found.names))]
    return [Query(found.names[i], found.vectors[i][0], found.rows[i], found.pictures[i]) for i in each]


def _like(cfg: DictConfig, catalogue: Catalogue) -> _Examples:
    ids = [str(name) for name in ([cfg.task.like] if isinstance(cfg.task.like, str | int) else cfg.task.like)]
    return _of_catalogue(catalogue, ids, find(catalogue, ids))


def _at(cfg: DictConfig, catalogue: Catalogue) -> _Examples:
    task = cfg.task
    if len(task.at) != 2:
        raise ConfigError(f"task.at={list(task.at)}: write right ascension and declination, in degrees")
    place = (float(task.at[0]), float(task.at[1]))
    match = nearest_at(catalogue, place, float(task.within_arcsec), task.ra, task.dec)
    log.info("%s is %.2f arcsec from [%g, %g]", match.id, match.separation_arcsec, *place)
    if match.within > 1:
        log.warning(
            "%d galaxies are within %g arcsec of [%g, %g]; the nearest is taken",
            *(match.within, task.within_arcsec, *place),
        )
    return _of_catalogue(catalogue, [match.id], np.array([match.row]))


def _of_catalogue(catalogue: Catalogue, ids: list[str], rows: np.ndarray) -> _Examples:
    return _Examples(ids, embeddings(take(catalogue, rows, ["embedding"])), rows, _no_pictures())


def _images(cfg: DictConfig, catalogue: Catalogue) -> _Examples:
    from selfsup.tasks._pictured import embedded_files  # noqa: PLC0415  (torch, which other queries do not wait for)

    names, vectors, pictures = embedded_files(cfg, catalogue.provenance)
    return _Examples(names, vectors, np.empty(0, dtype=np.int64), pictures)


def _vector(cfg: DictConfig, _: Catalogue) -> _Examples:
    file = Path(cfg.task.vector).expanduser()
    try:
        vectors = np.atleast_2d(np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError) as error:
        raise ConfigError(f"task.vector: {file} cannot be read ({error}); write it with numpy.save") from error
    if vectors.dtype.kind not in "fiu" or not len(vectors):
        raise ConfigError(f"task.vector: {file} holds {vectors.dtype}, {vectors.shape}; save numbers (D) or (Q, D)")
    names = [file.name] if len(vectors) == 1 else [f"{file.name}, {number}" for number in range(len(vectors))]
    return _Examples(names, vectors, np.empty(0, dtype=np.int64), _no_pictures())


def _no_pictures() -> np.ndarray:
    return np.empty((0, 1, 1, 3), dtype=np.uint8)
