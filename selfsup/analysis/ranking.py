"""An order of all galaxies, the most interesting first, and how good it is.

The order and the scores are those of Walmsley et al. 2022 (MNRAS 513, 1581): what was rated is known, and of
the others the prediction decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_KNOWN = 100.0
"""How many times more a rating counts than a prediction, which is of the same order: it settles the place."""


def order(rating: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(N,) ratings, NaN unknown, and (N,) predictions -> rows, the most interesting first; of equals, the first.

    A known 5 stands before all that is predicted, a known 0 after everything of which anything is expected.
    """
    score = np.where(np.isnan(rating), predicted, _KNOWN * rating)
    ranked: np.ndarray = np.argsort(-score, kind="stable")
    return ranked


def top_scores(found: np.ndarray, tops: Sequence[int]) -> dict[str, float]:
    """(N,) bool in the order of the ranking, whether each is interesting -> scores of its first n, for each of `tops`.

    `accuracy_n`, the share that is interesting; `recall_n`, the share of all interesting ones that is among them (NaN
    where there are none); `score_n`, rank-weighted, S(n) = sum over i < n of (n - i) I_i / (n (n + 1) / 2), which is 1
    if all n are.
    """
    scores = {}
    for n in tops:
        top = found[:n]
        weight = n - np.arange(len(top))
        scores[f"accuracy_{n}"] = float(top.sum() / n)
        scores[f"recall_{n}"] = float(top.sum() / found.sum()) if found.any() else float("nan")
        scores[f"score_{n}"] = float((weight * top).sum() / (n * (n + 1) / 2))
    return scores
