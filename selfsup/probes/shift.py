"""What is left of a representation when another telescope looks: fitted on one survey, asked in others.

Two questions. Does a classifier of one survey's embeddings hold in another survey (Dominguez Sanchez et al. 2019,
arXiv:1807.00807, from SDSS to DES)? And does a galaxy's embedding stay put: is its nearest neighbour, among all
galaxies of the first survey, itself?
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import StandardScaler

from selfsup.catalogue import Catalogue
from selfsup.probes.confusion import accuracy, balanced_accuracy, confusion_counts
from selfsup.probes.logistic import logistic_path
from selfsup.probes.roc import one_vs_rest_auc
from selfsup.probes.rows import read_classes
from selfsup.types import DataError


@dataclass(frozen=True)
class Shifted:
    """One survey's galaxies as the other survey's classifier and map see them; N galaxies, in the order of `ids`.

    Args:
        ids: of the galaxies.
        true, predicted: (N,) index of the class.
        chance: (N, K) of each class.
        rank: (N,) how many other galaxies are nearer to it, in the reference survey, than it is itself; 0 if none.
        same, other: (N,) cosine similarity with itself, and the mean with all others, in the reference survey.
    """

    ids: list[str]
    true: np.ndarray
    predicted: np.ndarray
    chance: np.ndarray
    rank: np.ndarray
    same: np.ndarray
    other: np.ndarray

    @property
    def metrics(self) -> dict[str, float]:
        """Accuracies; and the share of galaxies that find themselves, first and among the nearest 1 %."""
        counts = confusion_counts(self.true, self.predicted, self.chance.shape[1])
        near = max(1, round(0.01 * len(self.ids)))
        return {
            "balanced_accuracy": balanced_accuracy(counts),
            "accuracy": accuracy(counts),
            "roc_auc": one_vs_rest_auc(self.true, self.chance),
            "finds_itself": float((self.rank == 0).mean()),
            "finds_itself_in_1_percent": float((self.rank < near).mean()),
            "cosine_same": float(self.same.mean()),
            "cosine_other": float(self.other.mean()),
        }


def shifted(
    train: Catalogue, reference: Catalogue, seen: Mapping[str, Catalogue], column: str, c: float, max_iter: int
) -> tuple[dict[str, Shifted], tuple[str, ...]]:
    """Fit on `train`, ask about each of `seen`.

    Args:
        train: galaxies of the reference survey, none of them in the others.
        reference: the test galaxies in the reference survey.
        seen: survey -> the same test galaxies there; the reference may be among them.
        column: of classes.
        c: inverse strength of the L2 penalty of the logistic regression.
        max_iter: most L-BFGS steps.

    Returns:
        Survey -> what became of it, and the names of the classes.

    Raises:
        DataError: the column is missing or has one class, or a survey has other galaxies than the reference.
    """
    fit, known, classes = read_classes(train, reference, column, "task.column")
    scaler = StandardScaler().fit(fit.features.astype(np.float64))
    ((_, model),) = logistic_path(_scaled(scaler, fit.features), fit.target, [c], True, max_iter)
    home = _directions(_scaled(scaler, known.features))
    found = {}
    for survey, catalogue in seen.items():
        _, rows, _ = read_classes(train, catalogue, column, "task.column")
        if rows.ids != known.ids or not np.array_equal(rows.target, known.target):
            raise DataError(f"{survey}: its galaxies are not those of the reference survey; compare the same galaxies")
        features = _scaled(scaler, rows.features)
        chance = np.zeros((len(features), len(classes)))
        chance[:, model.classes_] = model.predict_proba(features)
        similarity = _directions(features) @ home.T
        own = np.diag(similarity)
        rank = (similarity > own[:, None]).sum(1)
        other = (similarity.sum(1) - own) / max(len(own) - 1, 1)
        found[survey] = Shifted(rows.ids, rows.target, chance.argmax(1), chance, rank, own, other)
    return found, classes


def accuracy_along(found: Shifted, values: np.ndarray, edges: np.ndarray) -> dict[str, list[float]]:
    """Accuracy in bins of a quantity.

    Args:
        found: one survey's galaxies.
        values: (N,) the quantity, in their order.
        edges: (bins + 1) of the bins.

    Returns:
        "at" (mean of the quantity), "mean" (accuracy), "std" (binomial, of the mean) and "n"; bins of less than 10
        galaxies are left out.
    """
    right = found.true == found.predicted
    curve: dict[str, list[float]] = {"at": [], "mean": [], "std": [], "n": []}
    for low, high in itertools.pairwise(edges):
        inside = (values >= low) & (values < high)
        if inside.sum() >= 10:
            share = float(right[inside].mean())
            curve["at"].append(float(values[inside].mean()))
            curve["mean"].append(share)
            curve["std"].append(float(np.sqrt(share * (1 - share) / inside.sum())))
            curve["n"].append(float(inside.sum()))
    return curve


def _scaled(scaler: StandardScaler, features: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = scaler.transform(features.astype(np.float64))
    return scaled


def _directions(features: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit: np.ndarray = features / np.maximum(length, 1e-12)
    return unit
