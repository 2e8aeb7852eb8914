"""Small balanced samples of labelled galaxies, the same for every encoder, the smaller ones within the larger.

A draw takes the n galaxies of each class with the smallest hashed id, the draw's number being the salt.
"""

from collections.abc import Sequence

import numpy as np

from selfsup.probes.split import hashed


def balanced_draw(ids: Sequence[str], target: np.ndarray, n: int, draw: int) -> np.ndarray:
    """N ids and their classes (N,) -> indices of n of each class; the same for the same ids, whatever their order."""
    order = np.argsort(hashed(ids, f"draw {draw}"), kind="stable")
    return np.concatenate([order[target[order] == k][:n] for k in np.unique(target)])


def affordable(target: np.ndarray, counts: Sequence[int]) -> list[int]:
    """Of these counts, in ascending order, those that every class of (N,) has."""
    smallest = int(np.unique(target, return_counts=True)[1].min())
    return sorted({int(n) for n in counts if n <= smallest})
