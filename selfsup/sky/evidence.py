"""What can be seen of a galaxy, and how much of it speaks for each structure.

Evidence is between 0 and 1, the product of a structure's contrast and of its visibility, so that an arm that is too
faint or too blurred counts for nothing, as for the volunteers of Galaxy Zoo. The constants are calibrated on the vote
shares of Galaxy Zoo 2 (Willett et al. 2013, table 5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from selfsup.sky.appearance import Appearance
from selfsup.sky.galaxy import Disc, Galaxy, Merging

_DISTURBANCE: dict[Merging, float] = {"none": 0.0, "minor": 0.18, "major": 0.45, "merger": 0.50}
_HALF_SEE, _HALF_SEE_KNOTS = 60.0, 20.0
"""Signal-to-noise at which half of all people see a feature; knots are the brightest, and noise hides them last."""


@dataclass(frozen=True)
class Sight:
    """How much of a galaxy can be seen.

    Args:
        galaxy: that is looked at.
        disc: of its primary, if any.
        redshift: that it is seen at.
        fwhm_arcsec: of the blur.
        h_fwhm: scale length of the disc, in full widths of the blur; 0 without a disc.
        resolution: half-light radius in full widths of the blur.
        signal_to_noise: of a feature.
        clarity: 0 where noise hides every feature, to 1.
        q: axis ratio after the blur.
    """

    galaxy: Galaxy
    disc: Disc | None
    redshift: float
    fwhm_arcsec: float
    h_fwhm: float
    resolution: float
    signal_to_noise: float
    clarity: float
    q: float

    @property
    def tilted(self) -> Disc | None:
        """The disc, where its face can be seen."""
        return self.disc if self.disc is not None and self.disc.edge_on is None else None

    @property
    def cos_inclination(self) -> float:
        """Of the disc; 1 without one."""
        return math.cos(math.radians(self.disc.inclination_deg)) if self.disc is not None else 1.0

    @property
    def bulge_share(self) -> float:
        """Of the light of the primary; 1 without a disc."""
        spheroid = self.galaxy.primary.spheroid
        if self.disc is None:
            return 1.0
        return spheroid.share if spheroid is not None else 0.0

    def visible(self, size_fwhm: float, needed_fwhm: float) -> float:
        """Visibility, 0 to 1, of a feature of this size where half of all people need 1.4 times `needed_fwhm`."""
        return _resolved(size_fwhm, needed_fwhm) * self.clarity

    def on_disc(self, size_h: float, needed_fwhm: float) -> float:
        """Visibility of a feature on the disc, foreshortened by its inclination."""
        return self.visible(size_h * self.h_fwhm * math.sqrt(max(self.cos_inclination, 0.0)), needed_fwhm)


@dataclass(frozen=True)
class Evidence:
    """Evidence, 0 to 1, for all that makes a galaxy featured or odd; `ring_seen` is the visibility of a ring alone."""

    sight: Sight
    spiral: float
    bar: float
    ring: float
    ring_seen: float
    edge_on: float
    irregular: float
    disturbed: float
    disc: float
    lens: float
    dust_lane: float
    clumps: float


def weigh(galaxy: Galaxy, appearance: Appearance) -> Evidence:
    """What speaks for each structure of a galaxy that appears so."""
    sight = _sight(galaxy, appearance)
    coarse = sight.visible(sight.resolution, 0.6)
    rings = sight.tilted.rings if sight.tilted is not None else ()
    ring = max((sight.on_disc(ring.radius, 1.2) for ring in rings), default=0.0)
    return Evidence(
        sight=sight,
        spiral=_spiral(sight),
        bar=_bar(sight),
        ring=(0.75 if galaxy.family == "ringed" else 0.6) * ring,
        ring_seen=ring,
        edge_on=sigmoid((0.33 - sight.q) / 0.045),
        irregular=0.8 * coarse if galaxy.family == "irregular" else 0.0,
        disturbed=_DISTURBANCE[galaxy.merging] * coarse,
        disc=_disc(sight),
        lens=0.75 * sight.visible(galaxy.lens.einstein_arcsec / sight.fwhm_arcsec, 0.8) if galaxy.lens else 0.0,
        dust_lane=_dust_lane(sight),
        clumps=_clumps(sight),
    )


def _sight(galaxy: Galaxy, appearance: Appearance) -> Sight:
    disc, resolution = galaxy.primary.disc, appearance.resolution
    h = 0.0 if disc is None else disc.h_kpc / appearance.kpc_per_arcsec / appearance.fwhm_arcsec
    rounding = 0.12 * 0.30 / resolution
    return Sight(
        galaxy=galaxy,
        disc=disc,
        redshift=appearance.redshift,
        fwhm_arcsec=appearance.fwhm_arcsec,
        h_fwhm=h,
        resolution=resolution,
        signal_to_noise=appearance.signal_to_noise,
        clarity=_clear(appearance.signal_to_noise, _HALF_SEE),
        q=math.sqrt((appearance.q**2 + rounding) / (1 + rounding)),
    )


def _disc(sight: Sight) -> float:
    """Of a disc without any structure; a lenticular one, which has no young stars, shows it least."""
    if sight.disc is None:
        return 0.0
    lenticular = 0.45 if sight.disc.young_share == 0 else 1.0
    return lenticular * (0.06 + 0.30 * (1 - sight.bulge_share)) * sight.visible(sight.resolution, 1.1)


def _spiral(sight: Sight) -> float:
    disc = sight.tilted
    if disc is None or not (disc.arms or disc.flocculent):
        return 0.0
    amplitude = sum(arm.amplitude for arm in disc.arms) / max(len(disc.arms), 1)
    contrast = 0.25 * disc.patchiness if disc.flocculent else amplitude
    colour = 0.55 + 0.45 * min(1.0, disc.young_share / 0.25)
    # Many arms lie close together, and are blurred sooner.
    seen = sight.on_disc(2.2 / (1 + 0.18 * len(disc.arms)), 0.85) * min(1.0, sight.cos_inclination / 0.35)
    return (1 - math.exp(-1.25 * contrast * colour)) * seen


def _bar(sight: Sight) -> float:
    if sight.tilted is None or sight.tilted.bar is None:
        return 0.0
    return (0.92 if sight.tilted.bar.strong else 0.40) * sight.on_disc(sight.tilted.bar.length, 0.8)


def _dust_lane(sight: Sight) -> float:
    disc = sight.disc
    if disc is None or disc.edge_on is None:
        return 0.0
    depth = 1 - math.exp(-0.5 * disc.edge_on.dust)
    seen = sight.visible(2 * disc.thickness * sight.h_fwhm, 1.0)
    return 0.8 * depth * seen * sigmoid((disc.inclination_deg - 83) / 1.5)


def _clumps(sight: Sight) -> float:
    """Grows with the knots' share of the light, and with redshift, which brings their ultraviolet into the bands."""
    disc = sight.disc
    share = disc.young_share * disc.knot_share if disc is not None and disc.knots else 0.0
    seen = _resolved(sight.resolution, 0.8) * _clear(sight.signal_to_noise, _HALF_SEE_KNOTS)
    # In r, the light of young stars grows about so against that of an Sbc galaxy, up to z = 1.
    return (1 - math.exp(-4 * share * (1 + sight.redshift) ** 2)) * seen


def _clear(signal_to_noise: float, half_see: float) -> float:
    return normal_cdf(math.log(signal_to_noise / half_see) / 0.8)


def _resolved(size_fwhm: float, needed_fwhm: float) -> float:
    return normal_cdf(math.log(max(size_fwhm, 1e-9) / (1.40 * needed_fwhm)) / 0.55)


def normal_cdf(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2))


def sigmoid(x: float) -> float:
    """The logistic function."""
    return 1 / (1 + math.exp(-x))


def either(*evidences: float) -> float:
    """Evidence that at least one holds."""
    return 1 - math.prod(1 - evidence for evidence in evidences)
