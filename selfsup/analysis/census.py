"""What a catalogue of votes says of galaxies as a population: how common answers are, how two questions go together.

Of each question there may be two opinions: what networks expect (`<question>_<answer>_mean`, of `task=predict`), and
what volunteers said (`<question>_<answer>_share`, of all volunteers, here divided by those who answered the question).
Shares of galaxies have the interval of Wilson (1927, J. Am. Stat. Assoc. 22, 209).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from selfsup.catalogue import Catalogue
from selfsup.spelling import nearest
from selfsup.types import ConfigError, DataError

MODEL, VOLUNTEERS = "model", "volunteers"
ENDINGS = {MODEL: "_mean", VOLUNTEERS: "_share"}
"""Who -> how the columns of what they say end."""
LEVEL = 0.95
"""Probability inside the intervals."""


@dataclass(frozen=True)
class Bin:
    """Galaxies of similar size, colour, or whatever else.

    Args:
        at: mean of the quantity.
        value: share of galaxies, or mean.
        low, high: ends of its 95 % interval.
        count: galaxies.
    """

    at: float
    value: float
    low: float
    high: float
    count: int


def opinions(catalogue: Catalogue, question: str) -> list[str]:
    """Who has something to say about a question.

    Raises:
        DataError: nobody.
    """
    who = [name for name in ENDINGS if answers(catalogue, question, name)]
    if not who:
        asked = sorted({name.rsplit("_", 2)[0] for name in catalogue.columns if _ends(name) and name.count("_") > 1})
        there = ", ".join(asked) or "none"
        raise DataError(f"no votes on '{question}'{nearest(question, asked)} in the catalogue; it has: {there}.")
    return who


def answers(catalogue: Catalogue, question: str, who: str) -> list[str]:
    """The answers to a question that have a column of this opinion, in their order."""
    head, end = f"{question}_", ENDINGS[who]
    return [name[len(head) : -len(end)] for name in catalogue.columns if name.startswith(head) and name.endswith(end)]


def fractions(catalogue: Catalogue, question: str, who: str) -> dict[str, np.ndarray]:
    """Answer -> (N,) fraction of those who were asked; NaN where nobody was."""
    names = answers(catalogue, question, who)
    values = [catalogue.column(f"{question}_{name}{ENDINGS[who]}").astype(np.float64) for name in names]
    total = np.sum(values, axis=0)
    return {
        name: np.divide(v, total, out=np.full_like(v, np.nan), where=total > 0)
        for name, v in zip(names, values, strict=True)
    }


def expected(said: Mapping[str, np.ndarray], weights: Mapping[str, float], key: str) -> np.ndarray:
    """Fractions of answers, and what each counts -> (N,) their mean: winding from 0 (loose) to 1 (tight), say.

    Raises:
        ConfigError: a weight of an answer that there is not.
    """
    for name in weights:
        if name not in said:
            raise ConfigError(f"{key}: '{name}' is no answer{nearest(name, list(said))}; there are: {', '.join(said)}")
    value: np.ndarray = np.sum([weight * said[name] for name, weight in weights.items()], axis=0)
    return value


def share_along(is_so: np.ndarray, along: np.ndarray, bins: int, fewest: int) -> list[Bin]:
    """(N,) bool and (N,) numbers -> the share in bins of equally many galaxies."""
    return [
        Bin(float(along[rows].mean()), float(is_so[rows].mean()), *wilson(int(is_so[rows].sum()), len(rows)), len(rows))
        for rows in _bins(along, bins, fewest)
    ]


def mean_along(value: np.ndarray, along: np.ndarray, bins: int, fewest: int) -> list[Bin]:
    """(N,) numbers along (N,) others -> the mean in bins of equally many galaxies, with the interval of its error."""
    found = []
    for rows in _bins(along, bins, fewest):
        mean, reach = (
            float(value[rows].mean()),
            norm.ppf((1 + LEVEL) / 2) * value[rows].std(ddof=1) / np.sqrt(len(rows)),
        )
        found.append(Bin(float(along[rows].mean()), mean, mean - float(reach), mean + float(reach), len(rows)))
    return found


def wilson(found: int, count: int) -> tuple[float, float]:
    """How many of how many -> the ends of the interval of their share."""
    z = float(norm.ppf((1 + LEVEL) / 2))
    share, shrink = found / count, 1 + z**2 / count
    middle, reach = share + z**2 / (2 * count), z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    # Of none or all, an end is the share itself, which rounding would miss.
    return min(share, float((middle - reach) / shrink)), max(share, float((middle + reach) / shrink))


def _bins(along: np.ndarray, bins: int, fewest: int) -> list[np.ndarray]:
    """Rows of known value, cut into at most `bins` parts of at least `fewest`."""
    known = np.flatnonzero(np.isfinite(along))
    count = min(bins, len(known) // max(fewest, 2))
    return list(np.array_split(known[np.argsort(along[known], kind="stable")], count)) if count else []


def _ends(name: str) -> bool:
    return name.endswith(tuple(ENDINGS.values()))


def known_rows(values: Sequence[np.ndarray], keep: np.ndarray) -> np.ndarray:
    """Rows of `keep` (N,) bool where all values are known."""
    there = keep.copy()
    for value in values:
        there &= np.isfinite(value)
    return np.flatnonzero(there)
