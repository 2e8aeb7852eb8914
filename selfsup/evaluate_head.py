"""What an objective's own head says of the galaxies that are scored, against the truth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score, r2_score

from selfsup.data.datamodule import GalaxyData
from selfsup.embed import as_float, device_of, evaluation_mode
from selfsup.evaluate import labelled
from selfsup.probes.base import Scores
from selfsup.probes.predictions import Predictions, chances


@torch.inference_mode()
def score_head(objective: Any, data: GalaxyData, test: Sequence[str]) -> Scores:
    """What the objective's own head predicts for `test`, against the truth; no metrics for objectives without one.

    Votes are compared as shares of all volunteers, over all answers of the tree.
    """
    rows = labelled(data, test)
    said: dict[str, list[np.ndarray]] = {}
    with evaluation_mode(objective):
        for batch in data.catalogue_loader(rows):
            for name, value in objective.predict(as_float(batch["image"].to(device_of(objective)))).items():
                said.setdefault(name, []).append(value.float().cpu().numpy())
    predicted = {name: np.concatenate(values) for name, values in said.items()}
    scores: dict[str, float] = {}
    if "votes" in predicted:
        scores |= _score_votes(data, predicted["votes"], rows)
    if "label" in predicted and data.label is not None:
        scores |= _score_label(predicted["label"], data.label[rows])
    columns = _columns(data, predicted)
    ids = [data.packed.ids[row] for row in rows]
    metrics = {f"head/{name}": value for name, value in scores.items()}
    return Scores(metrics, predictions=Predictions(ids, columns) if columns else None)


def _columns(data: GalaxyData, predicted: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a head says, as columns of predictions; classes other than those of the data are left out."""
    columns: dict[str, np.ndarray] = {}
    if "votes" in predicted and data.found.tree is not None:
        shares = data.found.tree.shares(predicted["votes"])
        columns |= {f"{answer}_share": shares[:, i] for i, answer in enumerate(data.found.tree.answers)}
    label = predicted.get("label")
    if label is not None and data.label is not None:
        if label.ndim == 1:
            columns["label"] = label
        elif label.shape[1] == len(data.found.classes):
            columns |= chances("label", data.found.classes, softmax(label.astype(np.float64), axis=1))
    return columns


def _score_votes(data: GalaxyData, fractions: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    tree = data.found.tree
    if tree is None or data.votes is None:
        return {}
    voted = data.votes[rows].sum(1) > 0
    truth = np.stack([data.columns[f"{answer}_share"][rows] for answer in tree.answers], axis=1)[voted]
    predicted = tree.shares(fractions[voted])
    mean = np.nanmean(truth, axis=0)
    return {
        "votes_mae": float(np.nanmean(np.abs(predicted - truth))),
        "votes_mae_constant": float(np.nanmean(np.abs(mean - truth))),
    }


def _score_label(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    if predicted.ndim == 2:
        known = truth >= 0
        said = predicted[known].argmax(1)
        accuracy = float((said == truth[known]).mean())
        return {"accuracy": accuracy, "balanced_accuracy": float(balanced_accuracy_score(truth[known], said))}
    known = np.isfinite(truth)
    error = float(np.abs(predicted[known] - truth[known]).mean())
    return {"r2": float(r2_score(truth[known], predicted[known])), "mae": error}
