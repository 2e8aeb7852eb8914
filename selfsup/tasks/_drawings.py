"""The figures of a report on predictions, from what several predictors say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selfsup.data.packed import open_packed
from selfsup.probes.detection import Roc, mean_roc
from selfsup.probes.split import hashed
from selfsup.probes.verdict import Verdict
from selfsup.report.along_figures import score_panels, value_panels
from selfsup.report.confusion_figures import confusion_panels, label_counts
from selfsup.report.grids import Shown, prediction_grid
from selfsup.report.roc_figures import roc_panels
from selfsup.tasks._predictors import Predictor
from selfsup.tasks._report import Figures
from selfsup.tasks._runs import Values
from selfsup.tasks._tables import Statistics, confusion
from selfsup.types import DataError

Curves = Mapping[str, Mapping[str, Mapping[str, Roc | None]]]
"""Who -> question -> answer -> curve."""


@dataclass(frozen=True)
class Drawer:
    """Where the figures go, each named after its number, so that no name of a run or column can lead elsewhere.

    Args:
        folder: of the PNGs.
        figures: drawn so far, with captions.
    """

    folder: Path
    figures: Figures

    def place(self, kind: str, caption: str, suffix: str = "png") -> Path:
        """Where the next figure goes."""
        out = self.folder / f"{len(self.figures):02}_{kind}.{suffix}"
        self.figures.append((out, caption))
        return out


def draw_rocs(drawer: Drawer, curves: Curves, detailed: Sequence[Predictor]) -> None:
    """Predictors beside each other, where there are several; and of some each answer."""
    panels: dict[str, dict[str, Roc]] = {}
    for who, questions in curves.items():
        for question, answers in questions.items():
            if known := [curve for curve in answers.values() if curve]:
                panels.setdefault(question, {})[who] = mean_roc(known)
    if panels and len(curves) > 1:
        roc_panels(panels, drawer.place("roc", "ROC curves, mean over the answers of a question, with their areas."))
    for predictor in detailed:
        questions = curves.get(predictor.name, {})
        mine = {q: {a: c for a, c in answers.items() if c} for q, answers in questions.items()}
        if mine := {question: answers for question, answers in mine.items() if answers}:
            caption = f"{predictor.name}: ROC curve of each answer, with its area."
            roc_panels(mine, drawer.place("roc_answers", caption))


def draw_confusions(drawer: Drawer, detailed: Sequence[Predictor]) -> None:
    """Confusion matrices; of classes, how often each is true and is given."""
    for predictor in detailed:
        panels = {question: (confusion(v), v.names) for question, v in predictor.verdicts.items()}
        caption = f"{predictor.name}: rows are the truth, columns what was predicted, in percent of a row."
        confusion_panels(panels, drawer.place("confusion", caption))
    for column in dict.fromkeys(column for p in detailed for column in p.classes):
        mine = {p.name: p.classes[column] for p in detailed if column in p.classes}
        first = next(iter(mine.values()))
        same = {w: v for w, v in mine.items() if v.names == first.names and np.array_equal(v.true, first.true)}
        names, counts = first.names, {"true": confusion(first).sum(axis=1)}
        counts |= {who: confusion(verdict).sum(axis=0) for who, verdict in same.items()}
        label_counts(names, counts, drawer.place("labels", f"{column}: galaxies of each class, true and predicted."))


def draw_along(
    drawer: Drawer, accuracies: Mapping[str, Statistics], errors: Mapping[str, Statistics], column: str, level: float
) -> None:
    """Accuracies and errors along one quantity."""
    interval = f"with {level:.0%} intervals; the small numbers are galaxies in the bin"
    if accuracies:
        score_panels(accuracies, column, "accuracy", drawer.place("accuracy", f"Accuracy along {column}, {interval}."))
    if errors:
        caption = f"Mean absolute error along {column}, {interval}."
        score_panels(errors, column, "mean absolute error", drawer.place("error", caption))


def draw_numbers(
    drawer: Drawer, values: Mapping[str, Values], bias: Statistics, scatter: Statistics, column: str
) -> None:
    """A column of numbers: predicted against true, bias and scatter along the truth."""
    pairs = {who: (one.true, one.said) for who, one in values.items()}
    caption = f"{column}: predicted against true, and bias and scatter of the difference along the truth."
    value_panels(pairs, bias, scatter, column, drawer.place("numbers", caption))


def draw_grids(drawer: Drawer, predictor: Predictor, shown: int) -> str | None:
    """Pictures with truth and prediction, a fair sample and the worst mistakes; why not, where there are none."""
    question, verdict = next(iter((predictor.classes | predictor.questions).items()))
    ids, kept = predictor.run.catalogue.ids, predictor.run.catalogue.provenance
    try:
        packed = open_packed(Path(kept["images"]), kept["size_px"])
        picture = packed.index_of(ids)
    except DataError as error:
        return f"{predictor.name}: no pictures of its galaxies ({error})."
    fair = np.argsort(hashed([ids[row] for row in verdict.rows], "grid"), kind="stable")[:shown]
    wrong = np.flatnonzero(verdict.true != verdict.said)
    surest = wrong[np.argsort(-verdict.chance[wrong, verdict.said[wrong]], kind="stable")][:shown]
    for kind, places in (("sample", fair), ("mistakes", surest)):
        what = "galaxies drawn by lot" if kind == "sample" else "the mistakes it was surest of"
        if len(places):
            grid = [_shown(packed.images, picture, verdict, place) for place in places]
            caption = f"{predictor.name}, {question}: {what}. Above the truth, below what was predicted."
            prediction_grid(grid, drawer.place(kind, caption, "jpg"))
    return None


def _shown(images: np.ndarray, picture: np.ndarray, verdict: Verdict, place: int) -> Shown:
    true, said = int(verdict.true[place]), int(verdict.said[place])
    sure = f" {verdict.sure[place]:.0%}" if np.isfinite(verdict.sure[place]) else ""
    image = np.asarray(images[picture[verdict.rows[place]]])
    return Shown(
        image, f"{verdict.names[true]}{sure}", f"{verdict.names[said]} {verdict.chance[place, said]:.0%}", true == said
    )
