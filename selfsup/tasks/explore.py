"""Explore a catalogue in the browser: a server on this machine, or a folder of pages for any web host."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig

from selfsup.analysis.components import reduce
from selfsup.analysis.index import fingerprint
from selfsup.analysis.interest import Bounds
from selfsup.catalogue import Catalogue
from selfsup.data.progress import Work, reported
from selfsup.explorer import hunting
from selfsup.explorer.comparison import compare
from selfsup.explorer.exhibit import Exhibit
from selfsup.explorer.hunting import Hunting
from selfsup.explorer.labelling import Labelling
from selfsup.explorer.prepared import prepare
from selfsup.explorer.serving import bound, serve
from selfsup.explorer.site import PAGE, Site
from selfsup.explorer.table import Table
from selfsup.explorer.writing import require_free, write_site
from selfsup.spelling import nearest
from selfsup.tasks._again import going_on
from selfsup.tasks._catalogue import open_at
from selfsup.tasks._explore_campaign import tree_of, waiting
from selfsup.tasks._explore_embedding import layouts_of, nearest_of, on_demand
from selfsup.tasks._explore_pictures import rooms_of
from selfsup.tasks._layout import METHODS
from selfsup.tasks._passes import passed
from selfsup.tasks._plain import digest, plain
from selfsup.tasks.hunt import JOURNAL
from selfsup.types import ConfigError

USES = ()  # the catalogue is made; a sky is checked when it is built
log = logging.getLogger(__name__)


class Opened(NamedTuple):
    """A catalogue that is to be shown.

    Args:
        path: of it.
        title: for people.
        catalogue: opened.
        packed: whether its small pictures are packed already, or are to be.
    """

    path: Path
    title: str
    catalogue: Catalogue
    packed: bool


def run(cfg: DictConfig) -> dict[str, float]:
    """Serve until it is stopped; with `task.static`, write the pages and end.

    Returns:
        How many galaxies, and how many files were written.

    Raises:
        ConfigError: a setting that cannot be, or an address that is taken.
        DataError: a catalogue that cannot be read.
        Interrupted: a signal came before it served; the same command goes on.
    """
    task = cfg.task
    _require_settings(task)
    if task.static is not None:
        require_free(_folder(task.static))
        with going_on(_kept(cfg)):
            return _write(_site(cfg, _opened(cfg)), _folder(task.static))
    with bound(str(task.host), int(task.port)) as at:  # first what can fail at once
        bounds = Bounds(**{name: tuple(pair) for name, pair in task.bounds.items()})
        tree = None if task.campaign is None else tree_of(_folder(task.campaign))
        with going_on(_kept(cfg)):
            opened = _opened(cfg)
            site = _site(cfg, opened)
        table = site.exhibits[0].prepared.table
        hunt = _hunting(cfg, opened[0], bounds, table)
        asked = None if tree is None else partial(waiting, _folder(task.campaign), tree)
        label = None if asked is None else Labelling(table, asked, str(task.who))
        serve(site, at, str(task.host), hunt, label, task.open)
    return {"explore/galaxies": float(len(table))}


def _require_settings(task: DictConfig) -> None:
    """Raise ConfigError where a setting cannot be what its key says."""
    for method in task.maps:
        if method not in METHODS:
            raise ConfigError(f"task.maps: there is no {method}{nearest(str(method), list(METHODS))}; of {[*METHODS]}")
    fewest = {"components": 2, "fit_galaxies": 3, "neighbours": 1, "sky_galaxies": 3, "batch": 1, "compare_galaxies": 1}
    fewest |= {"thumbnail_px": 8, "image_px": 8, "jpeg_quality": 1, "cache_mb": 0, "tradeoff": 0, "hunt_components": 1}
    for key, least in fewest.items():
        if not task[key] >= least:
            raise ConfigError(f"task.{key}={task[key]}: write {least} or more")
    if not len(task.maps):
        raise ConfigError("task.maps=[]: write one at least, such as [pca]")


def _write(site: Site, folder: Path) -> dict[str, float]:
    galaxies = sum(len(exhibit) for exhibit in site.exhibits)
    with reported(galaxies, Work("writing", "written", "galaxies")) as advance:
        files = write_site(site, folder, advance)
    site.close()
    log.info("%s: %d files; put the folder on any web host, or: python -m http.server -d %s", folder, files, folder)
    return {"explore/galaxies": float(galaxies), "explore/files": float(files)}


def _sky(cfg: DictConfig) -> tuple[Path, str]:
    from selfsup.tasks._explore_sky import sky_catalogue  # noqa: PLC0415  (torch, which other catalogues do not need)

    return sky_catalogue(cfg)


def _opened(cfg: DictConfig) -> list[Opened]:
    """The catalogue, and the one that it is compared with."""
    task = cfg.task
    path, title = _sky(cfg) if task.catalogue is None else (_folder(task.catalogue), "")
    paths = [path] if task.compare is None else [path, _folder(task.compare)]
    made = [open_at(each) for each in paths]
    titles = [title or path.name, *(each.name for each in paths[1:])]
    packed = [task.packed or task.catalogue is None, task.packed]
    return [Opened(*each) for each in zip(paths, titles, made, packed[: len(paths)], strict=True)]


def _site(cfg: DictConfig, opened: Sequence[Opened]) -> Site:
    exhibits = [_exhibit(cfg, each) for each in opened]
    compared = compare(exhibits[0], exhibits[1], cfg.task.compare_galaxies, cfg.seed) if exhibits[1:] else None
    return Site(str(cfg.task.title or opened[0].title), exhibits, compared, PAGE)


def _exhibit(cfg: DictConfig, opened: Opened) -> Exhibit:
    """A catalogue, ready to be shown."""
    task, path, catalogue = cfg.task, opened.path, opened.catalogue
    version, settings = fingerprint(path), plain(task)
    keys = ("components", "fit_galaxies", "neighbours", "umap", "tsne")
    made_of = {"catalogue": version, "seed": cfg.seed, **{key: settings[key] for key in keys}}
    # One folder holds those of several catalogues, which may have one name.
    named = None if task.prepared is None else _folder(task.prepared) / f"{path.name}-{digest(str(path))}"
    home = named or path.with_name(f"{path.name}.explorer")
    work = Work("preparing", "prepared", "values")
    with on_demand((len(catalogue.columns) + 1) * len(catalogue), work) as advance:
        prepared = prepare(catalogue, home, made_of, layouts_of(cfg, catalogue), advance)
    rooms = rooms_of(cfg, catalogue, prepared.table, opened.packed)
    near = nearest_of(cfg, catalogue, path, version)
    shown_as = {**rooms.made_of, "near": type(near).__name__}
    place = None if rooms.made_up else (str(task.ra), str(task.dec))
    return Exhibit(opened.title, prepared, near, rooms.thumbs, rooms.images, rooms.views, place, shown_as)


def _hunting(cfg: DictConfig, opened: Opened, bounds: Bounds, table: Table) -> Hunting:
    task, path = cfg.task, opened.path
    home = path.with_name(f"{path.name}.hunt") if task.hunt is None else _folder(task.hunt)
    settings = hunting.Settings(home / JOURNAL, str(task.who), task.batch, bounds, task.tradeoff, cfg.seed)
    passing = partial(passed, doing="reading", done="read")
    return Hunting(table, lambda: reduce(opened.catalogue, task.hunt_components, passing), settings)


def _kept(cfg: DictConfig) -> Path:
    """Near which all is kept that is made ready."""
    return _folder(cfg.data.cache if cfg.task.catalogue is None else cfg.task.catalogue)


def _folder(name: str) -> Path:
    return Path(name).expanduser().resolve()
