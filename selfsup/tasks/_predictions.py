"""What each galaxy of the test part is, and what was predicted of it: `predictions.parquet` in a run's folder.

It is the catalogue that was scored, with its embedding and columns, and `<answer>_votes` where there are votes. What a
probe, or the objective's own `head`, says of a column is the column `<who>/<column>`; `<who>/<column>=<class>` is the
chance that it gives to a class. A galaxy of which nothing was predicted has NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from selfsup.catalogue import Catalogue
from selfsup.data.datamodule import GalaxyData
from selfsup.evaluate import Evaluation
from selfsup.probes.predictions import Predictions

FILE = "predictions.parquet"
HEAD = "head"
"""Who predicts, where it is the objective itself."""


def save_predictions(
    folder: Path, title: str, data: GalaxyData, found: Evaluation, head: Predictions | None
) -> Path | None:
    """Write the file into the run's folder; None where nothing was predicted.

    Args:
        folder: of the run.
        title: what the run is.
        data: that was scored.
        found: by the probes.
        head: what the objective's own head predicts, or None.
    """
    said = {name: scores.predictions for name, scores in found.scores.items()} | {HEAD: head}
    columns: dict[str, np.ndarray] = {}
    for who, predictions in said.items():
        if predictions is not None:
            columns |= _aligned(who, predictions, found.test.ids)
    if not columns:
        return None
    tree, votes = data.found.tree, {}
    if tree is not None and data.votes is not None:
        counts = data.votes[data.packed.index_of(found.test.ids)]
        votes = {f"{answer}_votes": counts[:, column] for column, answer in enumerate(tree.answers)}
    provenance = {
        "title": title,
        "predictions": list(columns),
        "tree": tree.name if votes and tree is not None else None,
        "images": str(data.packed.folder),
        "size_px": data.source.size_px,
    }
    test = Catalogue.from_arrays(found.test.ids, found.test.embedding(), {}, provenance)
    known = {name: found.test.column(name) for name in found.test.columns}
    test.append({**known, **votes, **columns}).save(folder / FILE)
    return folder / FILE


def _aligned(who: str, predictions: Predictions, ids: Sequence[str]) -> dict[str, np.ndarray]:
    """The predictions in the order of these galaxies, named by who makes them."""
    place = {galaxy: row for row, galaxy in enumerate(ids)}
    rows = [place[galaxy] for galaxy in predictions.ids]
    aligned = {}
    for column, values in predictions.columns.items():
        full = np.full(len(ids), np.nan, dtype=np.float32)
        full[rows] = values
        aligned[f"{who}/{column}"] = full
    return aligned
