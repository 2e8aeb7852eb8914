"""What is painted on a disc: bars, arms, rings, star-forming knots, tidal tails, and the dust lane of a side view.

Pitch angles, their spread and the looser arms of barred galaxies follow Hart et al. 2017; shares of bars, rings and arm
numbers are about those that Galaxy Zoo 2 volunteers saw in oblique discs (Willett et al. 2013). Lengths are in units of
the disc's scale length.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from selfsup.sky.galaxy import Arm, Bar, EdgeOn, Knot, Ring
from selfsup.sky.streams import pick

DiscFamily = Literal["spiral", "ringed", "lenticular", "irregular"]

TURN = 2 * math.pi
EDGE_ON_DEG = 77.0
"""Beyond this inclination a disc is drawn from the side; irregulars are too thick for it."""

_BARS = {"none": 0.52, "weak": 0.28, "strong": 0.20}
_BARS_KEPT = {"spiral": 1.0, "ringed": 1.0, "lenticular": 0.3, "irregular": 0.4}
_RINGS_KEPT = {"spiral": 1.0, "ringed": 1.0, "lenticular": 0.5, "irregular": 1.0}
_FLOCCULENT = 0
_ARM_NUMBERS = {1: 0.05, 2: 0.50, 3: 0.12, 4: 0.07, 5: 0.05, 6: 0.03, _FLOCCULENT: 0.18}
_ARM_NUMBERS_STRONG_BAR = {1: 0.05, 2: 0.75, 3: 0.06, 4: 0.04, 5: 0.02, 6: 0.01, _FLOCCULENT: 0.07}
_FAINT_ARMS = {1: 0.06, 2: 0.61, 3: 0.15, 4: 0.08, 5: 0.06, 6: 0.04}
"""Arm numbers of a flocculent disc, whose arms are all but lost among the patches: those of the others."""


def bounded(value: float, lowest: float, highest: float) -> float:
    """The nearest value between the two."""
    return min(max(value, lowest), highest)


def bar_of(rng: np.random.Generator, family: DiscFamily) -> Bar | None:
    """One in half of the discs, of which some families keep few."""
    strength, kept = pick(rng, _BARS), rng.random() < _BARS_KEPT[family]
    if strength == "none" or not kept:
        return None
    strong = strength == "strong"
    return Bar(
        strong=strong,
        share=rng.uniform(0.12, 0.28) if strong else rng.uniform(0.03, 0.09),
        length=rng.uniform(0.80, 1.50) if strong else rng.uniform(0.45, 0.90),
        q=rng.uniform(0.16, 0.32) if strong else rng.uniform(0.30, 0.50),
        angle=rng.uniform(0, math.pi),
        gap=rng.uniform(0.25, 0.60) if strong else rng.uniform(0.0, 0.20),
        boxiness=rng.uniform(2.2, 3.6),
        ansae=strong and rng.random() < 0.4,
    )


def arms_of(rng: np.random.Generator, family: DiscFamily, kind: float, bar: Bar | None) -> tuple[tuple[Arm, ...], bool]:
    """The arms, and whether the disc is flocculent."""
    if family in ("lenticular", "irregular"):
        return (), False
    strong = bar is not None and bar.strong
    number = pick(rng, _ARM_NUMBERS_STRONG_BAR if strong else _ARM_NUMBERS)
    flocculent = number == _FLOCCULENT
    number = pick(rng, _FAINT_ARMS) if flocculent else number
    strength = (0.16 if flocculent else 1.0) * (0.35 if family == "ringed" else 1.0)
    pitch = bounded(6.8 + 9.5 * kind + 3.2 * rng.standard_normal(), 4.5, 38) + (3.5 if strong else 0.0)
    begin, r_in = rng.uniform(0, TURN), rng.uniform(0.25, 0.70)
    if bar is not None:
        r_in = bar.length * rng.uniform(0.9, 1.1)
        # Two arms leave the ends of a strong bar.
        begin = bar.angle if bar.strong and number == 2 else begin
    alike = Arm(
        angle=begin,
        pitch_deg=pitch,
        width=(0.28 if number <= 2 else 0.55 / number + 0.06) * math.exp(0.2 * rng.standard_normal()),
        amplitude=1.25 * strength * math.exp(0.45 * rng.standard_normal()),
        r_in=r_in,
        r_out=rng.uniform(2.2, 4.2),
    )
    return tuple(_arm(rng, alike, k, number) for k in range(number)), flocculent


def _arm(rng: np.random.Generator, alike: Arm, k: int, number: int) -> Arm:
    """The k-th of `number` arms: like the others, with its own deviations."""
    jitter = 0.12 if number <= 2 else 0.22 / math.sqrt(number)
    phase, pitch, width, amplitude, end = rng.standard_normal(5).tolist()
    return Arm(
        angle=alike.angle + TURN * k / number + jitter * phase,
        pitch_deg=math.degrees(math.atan(math.tan(math.radians(alike.pitch_deg)) * math.exp(0.10 * pitch))),
        width=alike.width * math.exp(0.12 * width),
        amplitude=alike.amplitude * math.exp(0.22 * amplitude),
        r_in=alike.r_in,
        # Arms that leave a long bar have some way to go.
        r_out=max(alike.r_out * math.exp(0.12 * end), alike.r_in + 0.5),
    )


def rings_of(rng: np.random.Generator, family: DiscFamily, kind: float, bar: Bar | None) -> tuple[Ring, ...]:
    """One ring, round the bar if there is one or far out; more often in barred and early discs."""
    share = (0.06 + (0.12 if bar is not None else 0.0)) * (1.3 - 0.6 * kind) * _RINGS_KEPT[family]
    if rng.random() >= share and family != "ringed":
        return ()
    if rng.random() < 0.45:
        radius = rng.uniform(0.8, 1.4) if bar is None else bar.length * rng.uniform(1.0, 1.15)
    else:
        radius = rng.uniform(1.8, 3.0)
    ring = Ring(
        radius=radius,
        width=radius * rng.uniform(0.07, 0.14),
        share_old=rng.uniform(0.05, 0.18),
        share_young=rng.uniform(0.35, 0.75),
        q=rng.uniform(0.82, 1.0),
        angle=rng.uniform(0, math.pi) if bar is None else bar.angle,
    )
    return (ring,)


def knots_of(rng: np.random.Generator, kind: float) -> tuple[Knot, ...]:
    """Star-forming regions, more in late discs; their shares sum to 1."""
    number = int(rng.poisson((6 + 40 * kind) * math.exp(0.3 * rng.standard_normal())))
    light = rng.lognormal(0.0, 1.0, number)
    numbers = np.column_stack([light / light.sum(), rng.uniform(0.015, 0.06, number), rng.random((number, 2))])
    return tuple(Knot(share, size, (x, y)) for share, size, x, y in numbers.tolist())


def side_of(
    rng: np.random.Generator, family: DiscFamily, thickness: float, inclination: float, bar: Bar | None
) -> EdgeOn | None:
    """What is seen beyond `EDGE_ON_DEG`; nothing before."""
    if family == "irregular" or inclination <= EDGE_ON_DEG:
        return None
    dusty, warped = family != "lenticular" and rng.random() < 0.7, rng.random() < 0.2
    return EdgeOn(
        height=thickness * (0.9 + 0.35 * (90 - inclination) / (90 - EDGE_ON_DEG)),
        dust=rng.uniform(1.0, 6.0) if dusty else 0.0,
        lane_height=rng.uniform(0.25, 0.65),
        lane_offset=0.125 * rng.standard_normal(),
        # 2 to 6 degrees at three scale lengths, to either side.
        warp=rng.uniform(0.10, 0.30) * (1 if rng.random() < 0.5 else -1) if warped else 0.0,
        # A bar seen from the side looks like a boxy bulge (Bureau and Freeman 1999).
        boxy_bulge=bar is not None and bar.strong,
    )


def tails(rng: np.random.Generator, strength: tuple[float, float]) -> tuple[Arm, ...]:
    """One or two tidal tails of a strength between these, about opposite each other."""
    number, angle = 1 + int(rng.random() < 0.5), rng.uniform(0, TURN)
    return tuple(
        Arm(
            angle=angle + math.pi * k + 0.4 * rng.standard_normal(),
            pitch_deg=rng.uniform(25, 55),
            width=rng.uniform(0.14, 0.30),
            amplitude=rng.uniform(*strength),
            r_in=rng.uniform(1.2, 2.0),
            r_out=rng.uniform(4.0, 8.0),
        )
        for k in range(number)
    )
