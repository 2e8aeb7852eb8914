"""Galaxies fall into groups: two ways of finding them, neither of which looks at a label.

k-means finds a given number of round groups and puts every galaxy into one. HDBSCAN (Campello, Moulavi & Sander 2013,
doi:10.1007/978-3-642-37456-2_14) finds regions that are denser than what is between them, as many as there are, and
calls the rest noise; the number of regions answers to the smallest size that one may have.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.cluster import HDBSCAN, KMeans

NOISE = -1
"""The group of galaxies that are in none."""


def nearest_means(train: np.ndarray, test: np.ndarray, clusters: int, starts: int, seed: int) -> np.ndarray:
    """(N, D) to fit and (n, D) to group -> (n,) the k-means group of each, 0 the largest.

    Where train has fewer different points than `clusters` (an encoder that has collapsed), each is a group.
    """
    different = len(np.unique(train, axis=0))
    fitted = KMeans(min(clusters, different), n_init=starts, random_state=seed).fit(train)
    return by_size(fitted.predict(test))


def dense_regions(points: np.ndarray, wanted: int, min_samples: int, shares: Sequence[float]) -> tuple[np.ndarray, int]:
    """(N, D) -> (N,) the HDBSCAN group of each, 0 the largest, `NOISE` in none; and the smallest size allowed.

    The size is the largest of `shares` of N that gives `wanted` groups: the largest, because a few outliers close
    together are a group too. Where none gives as many, it is the one whose number of groups is nearest.
    """
    found: list[tuple[int, np.ndarray, int]] = []
    for share in sorted(shares, reverse=True):
        size = max(2, round(share * len(points)))
        # HDBSCAN counts the galaxy itself among the min_samples nearest, and refuses more than there are.
        method = HDBSCAN(min_cluster_size=size, min_samples=min(min_samples, len(points)), copy=True)
        groups = method.fit_predict(points)
        found.append((abs(int(groups.max()) + 1 - wanted), groups, size))
        if found[-1][0] == 0:
            break
    _, groups, size = min(found, key=lambda each: each[0])  # the first, and so the largest, of equals
    return by_size(groups), size


def by_size(groups: np.ndarray) -> np.ndarray:
    """(N,) groups -> the same, numbered from the largest; noise stays noise."""
    names, counts = np.unique(groups[groups != NOISE], return_counts=True)
    numbered = np.full(len(groups), NOISE, dtype=np.int64)
    for number, name in enumerate(names[np.argsort(-counts, kind="stable")]):
        numbered[groups == name] = number
    return numbered
