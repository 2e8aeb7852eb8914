"""What a grouping of galaxies is worth: how far apart its groups are, and what they say of a class or a number."""

import numpy as np
from sklearn.metrics import (
    adjusted_rand_score,
    davies_bouldin_score,
    normalized_mutual_info_score,
    silhouette_score,
)

from selfsup.catalogue import Catalogue

THIRDS = (1 / 3, 2 / 3)
"""Where numbers are cut to compare them with groups."""


def separation(points: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """How far apart the groups are: `silhouette` (1 far, 0 touching) and `davies_bouldin` (0 far); noise is a group.

    Rousseeuw 1987 (doi:10.1016/0377-0427(87)90125-7), Davies & Bouldin 1979 (doi:10.1109/TPAMI.1979.4766909). Neither
    is defined, and {} returned, for a single group or where each galaxy is one.
    """
    if not 2 <= len(np.unique(groups)) < len(groups):
        return {}
    return {
        "silhouette": float(silhouette_score(points, groups)),
        "davies_bouldin": float(davies_bouldin_score(points, groups)),
    }


def shared_information(groups: np.ndarray, classes: np.ndarray) -> float:
    """(N,) and (N,) -> normalised mutual information, in [0, 1]: 2 I(G, C) / (H(G) + H(C)).

    Eight groups that tell three equal classes without an error share 0.69 with them, not 1: they say more than that.
    """
    return float(normalized_mutual_info_score(classes, groups))


def agreement(groups: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """(N,) groups and (N,) classes, -1 unknown -> `nmi`, and `ari`: the adjusted Rand index, 1 the same, 0 by chance.

    Hubert & Arabie 1985 (doi:10.1007/BF01908075). Galaxies of unknown class are left out; {} where none is known.
    """
    known = classes >= 0
    if not known.any():
        return {}
    shared = shared_information(groups[known], classes[known])
    return {"nmi": shared, "ari": float(adjusted_rand_score(classes[known], groups[known]))}


def explained(values: np.ndarray, groups: np.ndarray) -> float:
    """(N,) numbers and (N,) groups -> eta squared: the share of the numbers' variance that is between the groups."""
    total = np.square(values - values.mean()).sum()
    members = [values[groups == group] for group in np.unique(groups)]
    between = sum(len(each) * (each.mean() - values.mean()) ** 2 for each in members)
    return float(between / total) if total > 0 else 0.0


def as_classes(values: np.ndarray) -> np.ndarray:
    """(N,) words or numbers -> (N,) which class, -1 unknown; numbers that are not all whole are cut into thirds."""
    if values.dtype.kind not in "biuf":
        names, code = np.unique(values.astype(str), return_inverse=True)
        return np.where(names[code] == "", -1, code)
    numbers = values.astype(np.float64)
    known = np.isfinite(numbers)
    whole = not (numbers[known] % 1).any()
    code = np.full(len(numbers), -1)
    if known.any():
        cut = numbers[known] if whole else np.digitize(numbers[known], np.quantile(numbers[known], THIRDS))
        code[known] = np.unique(cut, return_inverse=True)[1]
    return code


def read_classes(galaxies: Catalogue, name: str) -> np.ndarray:
    """A column, or the most popular answer of a question whose `<question>_<answer>_share` columns there are.

    Returns:
        (N,) values: numbers, or text with "" where it is unknown, for `as_classes`.

    Raises:
        DataError: neither is there.
    """
    answers = [column for column in galaxies.columns if column.startswith(f"{name}_") and column.endswith("_share")]
    if galaxies.has(name) or len(answers) < 2:
        return galaxies.column(name)
    shares = np.stack([galaxies.column(answer).astype(np.float64) for answer in answers], axis=1)
    asked = np.isfinite(shares).any(axis=1)
    names = np.array([answer.removesuffix("_share").removeprefix(f"{name}_") for answer in answers], dtype=object)
    return np.where(asked, names[np.where(np.isfinite(shares), shares, -np.inf).argmax(axis=1)], "")
