"""Which bodies there are: ellipticals, and galaxies that others have torn.

Sizes of ellipticals have the slope of Shen et al. 2003. Mergers and disturbed galaxies are ordinary ones with lopsided
discs, tidal tails (Toomre and Toomre 1972) or shells (Malin and Carter 1983).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from selfsup.sky.appearance import half_light_kpc
from selfsup.sky.disc_population import disc_body
from selfsup.sky.galaxy import Body, Disc, Merging, Shell, Spheroid
from selfsup.sky.streams import pick
from selfsup.sky.structure_population import TURN, DiscFamily, bounded, tails

_PRIMARIES = {"spiral": 0.6, "elliptical": 0.2, "lenticular": 0.1, "irregular": 0.1}
_COMPANIONS = {"spiral": 0.5, "elliptical": 0.3, "lenticular": 0.2}
_DISTURBED = {"spiral": 0.7, "elliptical": 0.3}
_DISCS: dict[str, DiscFamily] = {
    "spiral": "spiral",
    "ringed": "ringed",
    "lenticular": "lenticular",
    "irregular": "irregular",
}


def body(rng: np.random.Generator, form: str, magnitude: float | None = None, *, tilted: bool = False) -> Body:
    """An undisturbed galaxy of this form at the centre: elliptical, spiral, ringed, lenticular or irregular.

    Args:
        rng: the galaxy's stream.
        form: of it.
        magnitude: absolute; None draws it.
        tilted: a disc is never edge-on.
    """
    if form == "elliptical":
        return _elliptical(rng, magnitude)
    return disc_body(rng, _DISCS[form], magnitude, tilted=tilted)


def _elliptical(rng: np.random.Generator, magnitude: float | None = None) -> Body:
    drawn = bounded(-21.35 + 0.85 * rng.standard_normal(), -23.8, -17.5)
    magnitude = drawn if magnitude is None else magnitude
    spheroid = Spheroid(
        share=1.0,
        r_e_kpc=10 ** (0.46 - 0.26 * (magnitude + 21.2) + 0.12 * rng.standard_normal()),
        n=bounded(4 + 0.45 * (-magnitude - 21.3) + 0.9 * rng.standard_normal(), 1.6, 7.0),
        q=bounded(0.98 - abs(0.24 * rng.standard_normal()), 0.38, 1.0),
        angle=rng.uniform(0, math.pi),
        boxiness=2.0 if rng.random() < 0.6 else rng.uniform(1.8, 2.35),
        gradient=rng.uniform(0.0, 0.03),
        stars=(1, 0, 0, 0, 0),
    )
    return Body(magnitude, 0.0, 0.0, spheroid, None)


def merger(rng: np.random.Generator) -> tuple[Body, ...]:
    """Two galaxies less than their diameters apart, their discs torn."""
    primary = body(rng, pick(rng, _PRIMARIES), tilted=True)
    fainter = 0.8 * abs(rng.standard_normal())
    companion = body(rng, pick(rng, _COMPANIONS), primary.magnitude + fainter, tilted=True)
    reach = 0.75 * (half_light_kpc(primary) + half_light_kpc(companion))
    separation, angle = reach * rng.uniform(0.5, 1.9), rng.uniform(0, TURN)
    companion = replace(companion, x_kpc=separation * math.cos(angle), y_kpc=separation * math.sin(angle))
    return _torn(rng, primary), _torn(rng, companion)


def _torn(rng: np.random.Generator, whole: Body) -> Body:
    if whole.disc is None:
        return whole
    patchiness = whole.disc.patchiness + 0.2
    torn = tails(rng, (0.35, 1.0)) if rng.random() < 0.75 else ()
    return replace(whole, disc=replace(whole.disc, lopsided=rng.uniform(0.2, 0.6), patchiness=patchiness, tails=torn))


def disturbed(rng: np.random.Generator) -> tuple[tuple[Body, ...], Merging]:
    """A galaxy that another has passed or fallen into, and is no longer seen."""
    major = rng.random() < 0.45
    whole = body(rng, pick(rng, _DISTURBED), tilted=True)
    if whole.disc is not None:
        whole = replace(whole, disc=_disturbed_disc(rng, whole.disc, major))
    elif whole.spheroid is not None:
        shells = _shells(rng, rng.uniform(0.03, 0.09) * (1.8 if major else 1.0))
        left = 1 - sum(shell.share for shell in shells)
        whole = replace(whole, spheroid=replace(whole.spheroid, share=left), shells=shells)
    return (whole,), "major" if major else "minor"


def _disturbed_disc(rng: np.random.Generator, disc: Disc, major: bool) -> Disc:
    return replace(
        disc,
        lopsided=rng.uniform(0.30, 0.80) if major else rng.uniform(0.15, 0.40),
        mottle=rng.uniform(0.30, 0.80) if major else 0.0,
        tails=tails(rng, (0.35, 1.0) if major else (0.10, 0.35)),
    )


def _shells(rng: np.random.Generator, light: float) -> tuple[Shell, ...]:
    """Two to five (Malin and Carter 1983), of this share of the light."""
    weights = rng.uniform(0.5, 1.5, int(rng.integers(2, 6)))
    return tuple(_shell(rng, share) for share in (light * weights / weights.sum()).tolist())


def _shell(rng: np.random.Generator, share: float) -> Shell:
    radius = rng.uniform(1.2, 4.5)
    width = radius * rng.uniform(0.06, 0.14)
    return Shell(share, radius, width, angle=rng.uniform(0, TURN), spread=rng.uniform(0.35, 0.75))
