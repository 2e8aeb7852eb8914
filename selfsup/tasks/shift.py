"""Ask a trained encoder about the same galaxies in several surveys: what holds, and where it stops."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from selfsup.catalogue import Catalogue
from selfsup.config import build
from selfsup.data.datamodule import GalaxyData
from selfsup.data.synthetic import Synthetic
from selfsup.embed import embed, load_encoder
from selfsup.encoders.base import Encoder
from selfsup.probes.shift import Shifted, accuracy_along, shifted
from selfsup.report.run_report import write_report
from selfsup.report.shift_figures import accuracy_curves, survey_bars, survey_sheet
from selfsup.tasks._plain import plain
from selfsup.tasks._report import Figures, command, show
from selfsup.tasks._sizes import at_trained_size
from selfsup.types import ConfigError

# The encoder is the checkpoint's; the data node is checked when its size is known.
USES = ()
ALONG = {"magnitude": "magnitude", "resolution": "half-light radius / FWHM", "redshift_seen": "redshift"}
"""Column -> what its axis says."""
AGAIN = "again"
"""Another exposure of the reference survey: as near as two pictures of a galaxy come."""
UNSEEN = 1_000_000_000
"""Number of the first galaxy of those that are asked about: no data set reaches so far."""
SHOWN = 8
"""Galaxies on the contact sheet."""


def run(cfg: DictConfig) -> dict[str, float]:
    """Fit on the survey of the configuration, ask about all of `task.surveys`; writes a report.

    Raises:
        ConfigError: the data is not the synthetic sky.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    checkpoint = Path(cfg.task.checkpoint).expanduser()
    trust = tuple(cfg.trust)
    encoder = load_encoder(checkpoint, trust, cfg.task.symmetries)
    source = build(at_trained_size(cfg.data, checkpoint), "data", trust=trust)
    if not isinstance(source, Synthetic):
        raise ConfigError("task=shift needs the same galaxies in several surveys: write data=synthetic")
    home = str(source.survey["name"])
    train = _seen(encoder, _data(source, cfg.seed))[""]
    asked = replace(source, first=UNSEEN, count=cfg.task.count, exposures=1, stream=False)
    surveys = {str(values["name"]): values for values in plain(cfg.task.surveys).values()}
    surveys.pop(home, None)
    data = {home: _data(replace(asked, exposures=2), cfg.seed)}
    data |= {name: _data(replace(asked, survey=values), cfg.seed) for name, values in surveys.items()}
    twice = _seen(encoder, data[home])
    seen = {home: twice[""], AGAIN: twice[AGAIN]}
    seen |= {survey: _seen(encoder, data[survey])[""] for survey in surveys}
    found, _ = shifted(train, seen[home], seen, cfg.task.column, cfg.task.c, cfg.task.max_iter)
    return _report(cfg, folder, found, seen, data)


def _data(source: Synthetic, seed: int) -> GalaxyData:
    return GalaxyData(source, batch_size=256, workers=0, seed=seed, splits=("train",))


def _seen(encoder: Encoder, data: GalaxyData) -> dict[str, Catalogue]:
    """First exposures under "", second ones under `AGAIN`; both by the names of the galaxies."""
    rows = data.rows()
    galaxies = np.array([data.source.galaxy_of(data.packed.ids[row]) for row in rows])
    first = galaxies == np.array([data.packed.ids[row] for row in rows])
    parts = {"": rows[first]} | ({} if first.all() else {AGAIN: rows[~first]})
    return {name: _embedded(encoder, data, part) for name, part in parts.items()}


def _embedded(encoder: Encoder, data: GalaxyData, rows: np.ndarray) -> Catalogue:
    columns = {name: values[rows] for name, values in data.columns.items()}
    catalogue = embed(encoder, data.catalogue_loader(rows), columns)
    galaxies = [data.source.galaxy_of(picture) for picture in catalogue.ids]
    return Catalogue.from_arrays(galaxies, catalogue.embedding(), columns, {})


def _report(
    cfg: DictConfig,
    folder: Path,
    found: Mapping[str, Shifted],
    seen: Mapping[str, Catalogue],
    data: Mapping[str, GalaxyData],
) -> dict[str, float]:
    comparison = {survey: one.metrics for survey, one in found.items()}
    scores = {f"shift/{survey}/{name}": v for survey, values in comparison.items() for name, v in values.items()}
    write_report(
        folder,
        title=f"{cfg.task.checkpoint}: from {next(iter(found))} to other surveys",
        command=command(folder),
        config=plain(cfg),
        metrics=scores,
        comparison=comparison,
        figures=_figures(cfg, folder / "figures", comparison, found, seen, data),
        facts={"galaxies in each survey": cfg.task.count},
        unreadable=0,
    )
    show(scores)
    return scores


def _figures(
    cfg: DictConfig,
    folder: Path,
    comparison: Mapping[str, Mapping[str, float]],
    found: Mapping[str, Shifted],
    seen: Mapping[str, Catalogue],
    data: Mapping[str, GalaxyData],
) -> Figures:
    bars, sheet = folder / "surveys.png", folder / "galaxies.png"
    survey_bars(comparison, bars)
    shown = {survey: one.packed.index_of(seen[survey].ids[:SHOWN]) for survey, one in data.items()}
    survey_sheet({survey: data[survey].packed.images[rows] for survey, rows in shown.items()}, sheet)
    figures = [
        (bars, "Each survey: accuracy of the classifier, and how many galaxies find themselves in the first survey."),
        (sheet, "The same galaxies in each survey, a survey a row."),
    ]
    for column, name in ALONG.items():
        curves = {
            survey: _along(one, seen[survey], column, cfg.task.bins) for survey, one in found.items() if survey != AGAIN
        }
        out = folder / f"{column}.png"
        accuracy_curves({survey: curve for survey, curve in curves.items() if curve["at"]}, name, out)
        figures.append((out, f"Accuracy of {cfg.task.column} along the {name} as that survey sees it."))
    return figures


def _along(found: Shifted, catalogue: Catalogue, column: str, bins: int) -> dict[str, list[float]]:
    """Accuracy in bins of equal numbers of galaxies."""
    value = dict(zip(catalogue.ids, np.asarray(catalogue.column(column), dtype=float), strict=True))
    values = np.array([value[galaxy] for galaxy in found.ids])
    edges = np.quantile(values, np.linspace(0, 1, bins + 1))
    edges[-1] = np.nextafter(edges[-1], np.inf)
    return accuracy_along(found, values, edges)
