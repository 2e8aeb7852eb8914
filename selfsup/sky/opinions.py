"""What people would say of a galaxy: the share that gives each answer, from what it is and what can be seen of it.

Questions, and the shares to which the constants are calibrated, are those of Galaxy Zoo 2 (Willett et al. 2013, table
5); arm windings follow Hart et al. 2017. Volunteers saw the whole galaxy in 424 pixels: the size and the crop of the
view play no part, the survey and the redshift do.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from selfsup.sky.evidence import Evidence, either, normal_cdf, sigmoid, weigh
from selfsup.sky.galaxy import ArtifactKind, Galaxy, Merging
from selfsup.sky.view import View

ANSWERS: dict[str, tuple[str, ...]] = {
    "smooth-or-featured": ("smooth", "featured", "artifact"),
    "how-rounded": ("round", "in-between", "cigar"),
    "disk-edge-on": ("yes", "no"),
    "edge-on-bulge": ("rounded", "boxy", "none"),
    "bar": ("strong", "weak", "no"),
    "has-spiral-arms": ("yes", "no"),
    "spiral-winding": ("tight", "medium", "loose"),
    "spiral-arm-count": ("1", "2", "3", "4", "more-than-4", "cant-tell"),
    "bulge-size": ("none", "small", "moderate", "large", "dominant"),
    "bulge-prominence": ("no", "just-noticeable", "obvious", "dominant"),
    "merging": ("none", "minor", "major", "merger"),
    "odd": ("yes", "no"),
    "odd-feature": ("ring", "lens-or-arc", "disturbed", "irregular", "other", "merger", "dust-lane"),
    "ring": ("yes", "no"),
    "clumpy": ("yes", "no"),
    "clumps-symmetrical": ("yes", "no"),
    "clumps-embedded": ("yes", "no"),
}
"""Every question that has an opinion, and its answers in order."""

_ARTIFACT: dict[ArtifactKind, float] = {
    **{"star": 0.85, "missing": 0.75, "trail": 0.35},
    **{"misregistered": 0.55, "column": 0.30},
}
_ODDLY_DISTURBED: dict[Merging, float] = {"none": 0.0, "minor": 0.25, "major": 0.50, "merger": 0.25}
_ODDLY_MERGING: dict[Merging, float] = {"none": 0.0, "minor": 0.06, "major": 0.25, "merger": 0.70}
_MERGING: dict[Merging, tuple[float, ...]] = {
    "none": (0.83, 0.10, 0.02, 0.05),
    "minor": (0.42, 0.44, 0.09, 0.05),
    "major": (0.16, 0.27, 0.47, 0.10),
    "merger": (0.10, 0.12, 0.18, 0.60),
}
_BULGE_SIZES = (0.014, 0.085, 0.33, 0.72)
"""Shares of the light at which a bulge becomes small, moderate, large, dominant."""
_BULGE_PROMINENCES = (0.010, 0.15, 0.80)
"""The same for just noticeable, obvious, dominant."""
_BULGELESS = 0.06
"""Share of the light below which an edge-on disc shows no bulge."""


def opinions(galaxy: Galaxy, view: View) -> dict[str, np.ndarray]:
    """Question -> the probability of each of its `ANSWERS` among those who are asked it; they sum to 1."""
    evidence = weigh(galaxy, view.appearance(galaxy))
    return {question: _normalised(_ASK[question](evidence)) for question in ANSWERS}


def _first(e: Evidence) -> Sequence[float]:
    artifact = e.sight.galaxy.artifact
    useless = _ARTIFACT[artifact.kind] if artifact is not None else 0.03 + 0.02 * (1 - e.sight.clarity)
    weights = (0.92 * e.spiral, 0.6 * e.bar, 0.55 * e.ring, 0.50 * e.edge_on, e.irregular, 0.5 * e.disturbed, e.disc)
    featured = (0.08 + 0.86 * either(*weights)) * (1 - useless)
    return 1 - useless - featured, featured, useless


def _rounded(e: Evidence) -> Sequence[float]:
    return _ordinal(e.sight.q, (0.42, 0.79), 0.10)[::-1]


def _edge_on(e: Evidence) -> Sequence[float]:
    return _yes(0.03 + 0.94 * sigmoid((0.315 - e.sight.q) / 0.035))


def _edge_on_bulge(e: Evidence) -> Sequence[float]:
    disc = e.sight.disc
    if e.sight.bulge_share < _BULGELESS:
        row: Sequence[float] = (0.22, 0.05, 0.73)
    elif disc is not None and disc.edge_on is not None and disc.edge_on.boxy_bulge:
        row = (0.42, 0.38, 0.20)
    else:
        row = (0.80, 0.08, 0.12)
    return _mixed(row, (0.5, 0.07, 0.43), e.sight.visible(e.sight.resolution, 1.0))


def _barred(e: Evidence) -> Sequence[float]:
    bar = e.sight.tilted.bar if e.sight.tilted is not None else None
    strong, weak = 0.13 * 0.25, 0.13 * 0.75
    if bar is not None and bar.strong:
        strong, weak = strong + 0.95 * 0.80 * e.bar, weak + 0.95 * (0.14 * e.bar + 0.02)
    elif bar is not None:
        strong, weak = strong + 0.95 * 0.12 * e.bar, weak + 0.95 * 0.75 * e.bar
    return strong, weak, 1 - strong - weak


def _arms(e: Evidence) -> Sequence[float]:
    return _yes(0.05 + 0.93 * sigmoid(6 * (e.spiral - 0.30)))


def _winding(e: Evidence) -> Sequence[float]:
    disc = e.sight.disc
    # Where there are no arms, people judge by the patches that the rotation has sheared.
    pitch = 6.8 + 9.5 * (disc.kind if disc is not None else 0.0)
    if disc is not None and disc.arms and not disc.flocculent:
        pitch = sum(arm.pitch_deg for arm in disc.arms) / len(disc.arms)
    return _ordinal(pitch, (11.2, 17.5), 5 + 3 * (1 - e.sight.visible(e.sight.resolution, 1.0)))


def _arm_count(e: Evidence) -> Sequence[float]:
    disc = e.sight.disc
    row = [0.06, 0.40, 0.06, 0.02, 0.02, 0.44]
    if disc is not None and disc.arms and not disc.flocculent:
        row, m = [0.04, 0.20, 0.04, 0.02, 0.01, 0.20], len(disc.arms)
        row[min(m, 5) - 1] += 0.60 if m <= 2 else 0.33
        row[min(m + 1, 5) - 1] += 0.06
        if m > 2:
            row[min(m - 1, 5) - 1] += 0.08
            row[5] += 0.18
    blurred = (0.08, 0.40, 0.06, 0.02, 0.01, 0.43)
    return _mixed(_normalised(row).tolist(), blurred, e.sight.on_disc(2.0, 1.2))


def _bulge(e: Evidence, thresholds: Sequence[float]) -> Sequence[float]:
    size = math.log10(max(e.sight.bulge_share, 0.004))
    return _ordinal(size, [math.log10(t) for t in thresholds], 0.30 + 0.14 * (1 - e.sight.clarity))


def _merging(e: Evidence) -> Sequence[float]:
    seen = e.sight.visible(e.sight.resolution, 0.6)
    return _mixed(_MERGING[e.sight.galaxy.merging], _MERGING["none"], seen)


def _oddities(e: Evidence) -> tuple[float, ...]:
    """One for each answer of "odd-feature"."""
    seen, merging = e.sight.visible(e.sight.resolution, 0.6), e.sight.galaxy.merging
    disturbed, merger = _ODDLY_DISTURBED[merging] * seen, _ODDLY_MERGING[merging] * seen
    return 0.9 * e.ring, e.lens, disturbed, 0.6 * e.irregular, 0.0, merger, e.dust_lane


def _odd(e: Evidence) -> Sequence[float]:
    return _yes(0.115 + 0.80 * either(*_oddities(e)))


def _odd_feature(e: Evidence) -> Sequence[float]:
    unprompted = (0.16, 0.06, 0.07, 0.07, 0.50, 0.13, 0.01)
    return [0.115 * base + 0.9 * oddity for base, oddity in zip(unprompted, _oddities(e), strict=True)]


def _clumpy(e: Evidence) -> Sequence[float]:
    return _yes(0.03 + 0.90 * either(e.clumps, 0.45 * e.irregular, 0.4 * e.disturbed))


def _symmetrical(e: Evidence) -> Sequence[float]:
    lopsided = e.sight.disc.lopsided * e.sight.clarity if e.sight.disc is not None else 0.0
    return _yes(0.60 - 0.52 * either(e.irregular, e.disturbed, min(lopsided, 1.0)))


def _embedded(e: Evidence) -> Sequence[float]:
    return _yes(0.25 + 0.55 * (1 - either(e.irregular, e.disturbed)))


_ASK: dict[str, Callable[[Evidence], Sequence[float]]] = {
    "smooth-or-featured": _first,
    "how-rounded": _rounded,
    "disk-edge-on": _edge_on,
    "edge-on-bulge": _edge_on_bulge,
    "bar": _barred,
    "has-spiral-arms": _arms,
    "spiral-winding": _winding,
    "spiral-arm-count": _arm_count,
    "bulge-size": lambda e: _bulge(e, _BULGE_SIZES),
    "bulge-prominence": lambda e: _bulge(e, _BULGE_PROMINENCES),
    "merging": _merging,
    "odd": _odd,
    "odd-feature": _odd_feature,
    "ring": lambda e: _yes(0.04 + 0.92 * e.ring_seen),
    "clumpy": _clumpy,
    "clumps-symmetrical": _symmetrical,
    "clumps-embedded": _embedded,
}


def _yes(probability: float) -> tuple[float, float]:
    return probability, 1 - probability


def _ordinal(value: float, thresholds: Sequence[float], sd: float) -> list[float]:
    """An ordered probit: shares of those who judge `value`, each with an error `sd`, below, between and above."""
    below = [0.0, *(normal_cdf((threshold - value) / sd) for threshold in thresholds), 1.0]
    return [high - low for low, high in itertools.pairwise(below)]


def _mixed(row: Sequence[float], other: Sequence[float], weight: float) -> list[float]:
    return [weight * a + (1 - weight) * b for a, b in zip(row, other, strict=True)]


def _normalised(row: Sequence[float]) -> np.ndarray:
    values = np.array(row)
    normalised: np.ndarray = values / values.sum()
    return normalised
