"""Galaxies fall into groups: three ways of finding them, none of which looks at a label.

k-means (Lloyd 1982, doi:10.1109/TIT.1982.1056489) finds a given number of round groups and puts every galaxy into one.
A Gaussian mixture (Dempster, Laird & Rubin 1977) lets groups be long, of any size and overlap, and says with which
probability a galaxy is of its group. HDBSCAN (Campello, Moulavi & Sander 2013, doi:10.1007/978-3-642-37456-2_14) finds
regions that are denser than what is between them, as many as there are, and calls the rest noise; the number of regions
answers to the smallest size that one may have. It groups only what it was fitted on: any other galaxy is given the
group of the fitted one that is nearest to it, noise included.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

NOISE = -1
"""The group of galaxies that are in none."""


@dataclass(frozen=True)
class Grouping:
    """Groups that were found in a sample, and into which any galaxy can be put.

    Args:
        count: how many groups, without the noise.
        assign: (n, D) -> (n,) from 0 to `count` - 1 or `NOISE`, in no particular order; and (n,) the probability of
            that group, or None where the method knows none.
        found: what is worth knowing of the fit, name -> value.
    """

    count: int
    assign: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
    found: Mapping[str, float]


def means(points: np.ndarray, clusters: int, starts: int, seed: int) -> Grouping:
    """(N, D) -> k-means, the best of so many starts.

    Where there are fewer different points than `clusters` (an encoder that has collapsed), each is a group.
    """
    fitted = KMeans(_at_most(points, clusters), n_init=starts, random_state=seed).fit(points)
    return Grouping(fitted.n_clusters, lambda new: (fitted.predict(new), None), {"inertia": float(fitted.inertia_)})


def mixture(points: np.ndarray, clusters: int, starts: int, max_iter: int, seed: int) -> Grouping:
    """(N, D) -> a mixture of Gaussians with a full covariance each; `found` says its BIC and whether it `converged`."""
    model = GaussianMixture(_at_most(points, clusters), n_init=starts, max_iter=max_iter, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # said by `converged`
        model.fit(points)

    def assign(new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        probability = model.predict_proba(new)
        return probability.argmax(axis=1), probability.max(axis=1)

    return Grouping(model.n_components, assign, {"bic": float(model.bic(points)), "converged": float(model.converged_)})


def regions(points: np.ndarray, wanted: int, min_samples: int, shares: Sequence[float]) -> Grouping:
    """(N, D) -> HDBSCAN with the settings of `dense_regions`; D should be at most 15, for beyond nothing is dense."""
    groups, size = dense_regions(points, wanted, min_samples, shares)
    nearest = NearestNeighbors(n_neighbors=1).fit(points)

    def assign(new: np.ndarray) -> tuple[np.ndarray, None]:
        return groups[nearest.kneighbors(new, return_distance=False)[:, 0]], None

    return Grouping(int(groups.max()) + 1, assign, {"min_cluster_size": float(size)})


def nearest_means(train: np.ndarray, test: np.ndarray, clusters: int, starts: int, seed: int) -> np.ndarray:
    """(N, D) to fit and (n, D) to group -> (n,) the k-means group of each, 0 the largest."""
    return by_size(means(train, clusters, starts, seed).assign(test)[0])


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


def _at_most(points: np.ndarray, clusters: int) -> int:
    return min(clusters, len(np.unique(points, axis=0)))
