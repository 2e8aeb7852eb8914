"""Runs that have left predictions, and what each of their predictors says of questions, classes and numbers."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from selfsup import trees
from selfsup.catalogue import Catalogue
from selfsup.probes.verdict import Relevance, Verdict, of_classes, of_question
from selfsup.tasks._predictions import FILE
from selfsup.types import ConfigError, DataError
from selfsup.votes import QuestionTree


@dataclass(frozen=True)
class Values:
    """What was predicted of a column of numbers.

    Args:
        rows: (n,) the galaxies' rows in their catalogue.
        true: (n,).
        said: (n,).
    """

    rows: np.ndarray
    true: np.ndarray
    said: np.ndarray


@dataclass(frozen=True)
class Run:
    """A run's predictions.

    Args:
        folder: of the run.
        catalogue: what was scored, with what was predicted.
    """

    folder: Path
    catalogue: Catalogue

    @property
    def title(self) -> str:
        """What the run is."""
        return str(self.catalogue.provenance["title"])

    @property
    def tree(self) -> QuestionTree | None:
        """Of its votes; None without."""
        name = self.catalogue.provenance["tree"]
        return None if name is None else trees.tree(str(name))

    @cached_property
    def said(self) -> dict[str, dict[str, list[str]]]:
        """Who -> column -> classes that it gives chances to; none where it says a number."""
        found: dict[str, dict[str, list[str]]] = {}
        for name in self.catalogue.provenance["predictions"]:
            who, _, what = name.partition("/")
            column, _, one = what.partition("=")
            if self.catalogue.has(column):
                classes = found.setdefault(who, {}).setdefault(column, [])
                classes += [one] * bool(one)
        return found

    def questions(self, who: str, relevance: Relevance) -> dict[str, Verdict]:
        """Question of the tree -> what `who` says of it; none without predictions of all its answers."""
        tree = self.tree
        if tree is None or not {f"{answer}_share" for answer in tree.answers} <= self.said[who].keys():
            return {}
        votes = self._table([f"{answer}_votes" for answer in tree.answers])
        shares = self._table([f"{who}/{answer}_share" for answer in tree.answers])
        return {name: of_question(tree, name, votes, shares, relevance) for name in tree.slices}

    def classes(self, who: str) -> dict[str, Verdict]:
        """Column of classes -> what `who` says of it."""
        return {
            column: of_classes(
                _names(self.catalogue.column(column)),
                {one: self.catalogue.column(f"{who}/{column}={one}") for one in classes},
            )
            for column, classes in self.said[who].items()
            if classes
        }

    def values(self, who: str) -> dict[str, Values]:
        """Column of numbers -> what `who` says of it; shares of votes are none."""
        found = {}
        shares = {f"{answer}_share" for answer in self.tree.answers} if self.tree is not None else set()
        for column, classes in self.said[who].items():
            if not classes and column not in shares:
                true, said = (self.catalogue.column(name).astype(np.float64) for name in (column, f"{who}/{column}"))
                rows = np.flatnonzero(np.isfinite(true) & np.isfinite(said))
                if len(rows):
                    found[column] = Values(rows, true[rows], said[rows])
        return found

    def _table(self, columns: Sequence[str]) -> np.ndarray:
        return np.stack([self.catalogue.column(name) for name in columns], axis=1).astype(np.float64)


def open_runs(patterns: Sequence[str]) -> tuple[list[Run], dict[str, str]]:
    """Folders of runs, or patterns of them -> the runs with predictions, and of each other one why it is left out.

    Raises:
        ConfigError: none has predictions.
    """
    runs, missing = [], {}
    for folder in _folders(patterns):
        try:
            runs.append(_open(folder))
        except DataError as error:
            missing[str(folder)] = str(error)
    if not runs:
        why = "\n".join(f"  {folder}: {reason}" for folder, reason in missing.items())
        raise ConfigError(f"task.runs={list(patterns)}: no run with predictions; name one\n{why}")
    return runs, missing


def labels(runs: Sequence[Run]) -> list[str]:
    """A short name for each run: the parts of its title that others do not share, or its folder's name."""
    parts = [run.title.split(" · ") for run in runs]
    if len(runs) == 1:
        return [parts[0][0]]
    short = [" · ".join(part for part in mine if not all(part in other for other in parts)) for mine in parts]
    if all(short) and len(set(short)) == len(runs):
        return short
    names = [run.folder.resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.folder) for run in runs]


def _folders(patterns: Sequence[str]) -> list[Path]:
    found: dict[Path, None] = {}
    for pattern in patterns:
        whole = str(Path(pattern).expanduser())
        matches = sorted(glob.glob(whole)) if glob.has_magic(whole) else [whole]  # noqa: PTH207  (absolute ones too)
        found |= {Path(match): None for match in matches}
    return list(found)


def _open(folder: Path) -> Run:
    """The run in this folder.

    Raises:
        DataError: it has no predictions, or their file is not one of ours.
    """
    file = folder / FILE
    if not file.is_file():
        raise DataError(
            f"no {FILE} there: nothing was predicted, or the run is older; selfsup task=probe task.checkpoint={folder} "
            f"data=... writes one"
        )
    catalogue = Catalogue.open(file)
    provenance = catalogue.provenance
    if not {"title", "predictions", "tree", "images", "size_px"} <= provenance.keys():
        raise DataError(f"{file}: a catalogue without predictions; selfsup task=probe writes one with them")
    return Run(folder, catalogue)


def _names(values: np.ndarray) -> np.ndarray:
    """A column of classes as text, as the probes read it: "" unknown, numbers whole, -1 unknown."""
    if values.dtype.kind not in "biuf":
        return np.array([str(value) for value in values], dtype=object)
    numbers = values.astype(np.float64)
    known = np.isfinite(numbers) & (numbers != -1)
    return np.array([str(int(n)) if there else "" for n, there in zip(numbers, known, strict=True)], dtype=object)
