"""Which discs there are: an early or late type decides the bulge, the gas and the young stars, chance the rest.

Bulges shrink and flatten in profile from Sa to Sd (Graham and Worley 2008); inclinations are isotropic.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from selfsup.sky.appearance import HALF_LIGHT_H
from selfsup.sky.galaxy import Bar, Body, Disc, Spheroid, Stars
from selfsup.sky.structure_population import (
    EDGE_ON_DEG,
    TURN,
    DiscFamily,
    arms_of,
    bar_of,
    bounded,
    knots_of,
    rings_of,
    side_of,
)

_YOUNG_STARS: Stars = (0, 0, 0, 0.85, 0.15)
_THICKNESS = {"spiral": (0.13, 0.22), "ringed": (0.13, 0.22), "lenticular": (0.18, 0.30), "irregular": (0.30, 0.50)}


def disc_body(
    rng: np.random.Generator, family: DiscFamily, magnitude: float | None = None, *, tilted: bool = False
) -> Body:
    """A galaxy with a disc, at the centre.

    Args:
        rng: the galaxy's stream.
        family: of the disc.
        magnitude: absolute, of the whole body; None draws it.
        tilted: never edge-on.
    """
    kind = _kind(rng, family)
    drawn = _magnitude(rng, family, kind)
    magnitude = drawn if magnitude is None else magnitude
    smaller = 0.75 if family == "lenticular" else 1.0
    half_light_kpc = smaller * 10 ** (0.64 - 0.10 * (magnitude + 20.9) + 0.12 * rng.standard_normal())
    bar = bar_of(rng, family)
    disc = _disc(rng, family, kind, bar, half_light_kpc / HALF_LIGHT_H, tilted)
    bulge = _bulge(rng, family, disc)
    return Body(magnitude, 0.0, 0.0, bulge, disc if bulge is None else dataclasses.replace(disc, share=1 - bulge.share))


def _kind(rng: np.random.Generator, family: DiscFamily) -> float:
    if family == "lenticular":
        return 0.0
    if family == "irregular":
        return 1.0
    return rng.beta(1.3, 2.2) if family == "ringed" else rng.beta(1.7, 1.5)


def _magnitude(rng: np.random.Generator, family: DiscFamily, kind: float) -> float:
    if family == "irregular":
        return bounded(-18.9 + rng.standard_normal(), -23.2, -17.5)
    return bounded(-20.9 - 0.5 * (0.5 - kind) + 0.75 * rng.standard_normal(), -23.2, -17.5)


def _disc(
    rng: np.random.Generator, family: DiscFamily, kind: float, bar: Bar | None, h_kpc: float, tilted: bool
) -> Disc:
    gas = family != "lenticular"
    inclination, thickness, q = _orientation(rng, family, tilted)
    arms, flocculent = arms_of(rng, family, kind, bar)
    knots = knots_of(rng, kind) if gas else ()
    rings = rings_of(rng, family, kind, bar)
    return Disc(
        share=1.0,
        h_kpc=h_kpc,
        inclination_deg=inclination,
        q=q,
        thickness=thickness,
        angle=rng.uniform(0, TURN),
        kind=kind,
        young_share=_young_share(rng, family, kind),
        old_stars=_old_stars(kind),
        young_stars=_YOUNG_STARS,
        sense=1 if rng.random() < 0.5 else -1,
        arms=arms,
        flocculent=flocculent,
        arm_old=rng.uniform(0.35, 0.90),
        arm_young=rng.uniform(0.20, 0.50) if flocculent else rng.uniform(0.65, 0.95),
        arm_noise=rng.uniform(0.12, 0.40),
        arm_wiggle=rng.uniform(0.02, 0.14),
        patchiness=rng.uniform(0.25, 0.60) + 0.25 * kind + (0.35 if flocculent else 0.0),
        truncation=rng.uniform(3.0, 5.5),
        truncation_width=rng.uniform(0.3, 0.8),
        outer_share=rng.uniform(0.005, 0.03) if rng.random() < 0.25 else 0.0,
        outer_scale=rng.uniform(2.0, 3.0),
        young_scale=rng.uniform(1.05, 1.60),
        hole_depth=rng.uniform(0.30, 0.95) * (1 - 0.5 * kind),
        hole_radius=rng.uniform(0.30, 0.80),
        dust=rng.uniform(0.15, 1.10) * (0.5 + 0.5 * kind if kind < 0.5 else 1.0) if gas else 0.0,
        bar=bar,
        rings=rings,
        knots=knots,
        knot_share=rng.uniform(0.04, 0.14) * (1 + kind) if knots else 0.0,
        lopsided=_lopsided(rng, family, kind),
        lopsided_angle=rng.uniform(0, TURN),
        mottle=rng.uniform(0.40, 0.85) if family == "irregular" else 0.0,
        mottle_cells=rng.uniform(1.2, 4.0),
        tails=(),
        edge_on=side_of(rng, family, thickness, inclination, bar),
        texture_seed=int(rng.integers(1 << 62)),
    )


def _orientation(rng: np.random.Generator, family: DiscFamily, tilted: bool) -> tuple[float, float, float]:
    """Inclination, intrinsic thickness and the axis ratio of an oblate spheroid that they give (Hubble 1926)."""
    lowest = math.cos(math.radians(EDGE_ON_DEG)) if tilted else 0.0
    cos = rng.uniform(lowest, 1)
    thickness = rng.uniform(*_THICKNESS[family])
    return math.degrees(math.acos(cos)), thickness, math.sqrt(cos**2 * (1 - thickness**2) + thickness**2)


def _old_stars(kind: float) -> Stars:
    shares = max(0.0, 0.75 - 1.1 * kind), 1 - 1.1 * abs(kind - 0.55), max(0.0, 1.3 * (kind - 0.35))
    early, middle, late = (share / sum(shares) for share in shares)
    return early, middle, late, 0.0, 0.0


def _young_share(rng: np.random.Generator, family: DiscFamily, kind: float) -> float:
    if family == "lenticular":
        return 0.0
    if family == "irregular":
        return rng.uniform(0.35, 0.75)
    return bounded((0.06 + 0.36 * kind) * math.exp(0.3 * rng.standard_normal()), 0.0, 0.65)


def _lopsided(rng: np.random.Generator, family: DiscFamily, kind: float) -> float:
    if family == "irregular":
        return rng.uniform(0.2, 0.6)
    return abs(0.12 * rng.standard_normal()) * (0.6 + kind)


def _bulge(rng: np.random.Generator, family: DiscFamily, disc: Disc) -> Spheroid | None:
    if family == "irregular":
        return None
    kind = disc.kind
    if family == "lenticular":
        share = bounded(0.38 + 0.15 * rng.standard_normal(), 0.08, 0.75)
    else:
        share = (0.46 * (1 - kind) ** 1.5 + 0.02) * math.exp(0.4 * rng.standard_normal())
        share = bounded(share, 0.0, 0.65)
    if share < 0.015:
        return None
    n = 1.2 + 2.8 * (1 - kind) * (0.4 + 0.6 * rng.random()) + 0.3 * rng.standard_normal()
    r_e = (0.22 + 0.55 * share) * math.exp(0.25 * rng.standard_normal())
    q = 1 - (1 - rng.uniform(0.65, 0.95)) * math.sin(math.radians(disc.inclination_deg))
    return Spheroid(
        share=share,
        r_e_kpc=disc.h_kpc * bounded(r_e, 0.08, 0.90),
        n=bounded(n, 0.8, 4.5),
        q=q,
        angle=disc.angle,
        boxiness=2.0,
        gradient=0.0,
        stars=(0.6, 0.4, 0, 0, 0) if kind >= 0.6 else (1, 0, 0, 0, 0),
    )
