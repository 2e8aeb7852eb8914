"""What a galaxy of the synthetic sky is: physical parameters alone, no pixel, no survey.

Absolute magnitudes are AB in the rest-frame r band, with the whole light of the body they belong to. Lengths within a
disc are in units of its scale length h; angles are in radians, anticlockwise from the x axis of the image, except
pitch and inclination, which are in degrees as in the literature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stars = tuple[float, float, float, float, float]
"""Shares of light at 6230 angstrom of the stellar populations `seds.POPULATIONS`: E, Sbc, Scd, Im, HII; sum to 1."""

FAMILIES = (
    *("elliptical", "lenticular", "spiral", "irregular", "merger"),
    *("disturbed", "ringed", "lens", "artifact"),
)
Merging = Literal["none", "minor", "major", "merger"]


@dataclass(frozen=True)
class Spheroid:
    """An elliptical galaxy or a bulge: a Sersic profile.

    Args:
        share: of the body's light.
        r_e_kpc: half-light radius along the major axis.
        n: Sersic index.
        q: axis ratio.
        angle: of the major axis.
        boxiness: exponent of the generalised ellipse; 2 is an ellipse, more is boxy.
        gradient: the half-light radius is exp(-g), 1, exp(g) times `r_e_kpc` in the red, green and blue band.
        stars: its populations.
    """

    share: float
    r_e_kpc: float
    n: float
    q: float
    angle: float
    boxiness: float
    gradient: float
    stars: Stars


@dataclass(frozen=True)
class Arm:
    """One logarithmic arm; or, in a tidal tail, one far-reaching ridge.

    Args:
        angle: where it leaves `r_in`.
        pitch_deg: between the arm and a circle.
        width: angular, of exp((cos(dtheta) - 1) / width^2).
        amplitude: over the disc.
        r_in, r_out: where it begins and ends, in h.
    """

    angle: float
    pitch_deg: float
    width: float
    amplitude: float
    r_in: float
    r_out: float


@dataclass(frozen=True)
class Bar:
    """A bar.

    Args:
        strong: or weak.
        share: of the disc's old light.
        length: half-length, in h.
        q: axis ratio.
        angle: in the plane of the disc.
        gap: share of the disc's light missing beside it.
        boxiness: exponent of its generalised ellipse.
        ansae: whether it has bright ends.
    """

    strong: bool
    share: float
    length: float
    q: float
    angle: float
    gap: float
    boxiness: float
    ansae: bool


@dataclass(frozen=True)
class Ring:
    """A ring.

    Args:
        radius, width: in h.
        share_old, share_young: of the disc's old and young light.
        q: axis ratio in the plane of the disc.
        angle: of its major axis, in the plane of the disc.
    """

    radius: float
    width: float
    share_old: float
    share_young: float
    q: float
    angle: float


@dataclass(frozen=True)
class Knot:
    """A star-forming region.

    Args:
        share: of the disc's light in knots.
        size: Gaussian sigma, in h.
        place: in [0, 1)^2, where in the cumulative light of the young map it lies.
    """

    share: float
    size: float
    place: tuple[float, float]


@dataclass(frozen=True)
class EdgeOn:
    """What an edge-on disc has that a tilted one does not show.

    Args:
        height: scale height, in h.
        dust: optical depth of the lane at the centre; 0 without a lane.
        lane_height: thickness of the lane, in scale heights.
        lane_offset: of the lane from the plane, in scale heights.
        warp: bending of the plane, in h at R = 3 h.
        boxy_bulge: whether the bulge is boxy.
    """

    height: float
    dust: float
    lane_height: float
    lane_offset: float
    warp: float
    boxy_bulge: bool


@dataclass(frozen=True)
class Disc:
    """A disc and all that is painted on it.

    Args:
        share: of the body's light.
        h_kpc: scale length.
        inclination_deg: 0 face-on.
        q: axis ratio that the inclination and the thickness give.
        thickness: intrinsic axis ratio.
        angle: of the major axis.
        kind: 0 for Sa to 1 for Sd; early ones have tight arms, little gas and a large bulge.
        young_share: of the disc's light from young stars.
        old_stars, young_stars: populations.
        sense: +1 or -1, which way the arms wind.
        arms: faint in a flocculent disc, none in a featureless one.
        flocculent: whether patches take the place of arms.
        arm_old, arm_young: contrast of the arms in old and young light.
        arm_noise: scatter of the logarithm of the amplitude along an arm.
        arm_wiggle: scatter of the angle along an arm.
        patchiness: sigma of the logarithm of the flocculence.
        truncation, truncation_width: of the disc, in h.
        outer_share, outer_scale: of a faint second exponential disc; share of the light, scale in h.
        young_scale: scale length of the young light, in h.
        hole_depth, hole_radius: of the central hole in gas and young stars.
        dust: optical depth.
        bar: if any.
        rings: if any.
        knots: if any.
        knot_share: of the young light in knots.
        lopsided, lopsided_angle: strength and direction of the one-armed asymmetry.
        mottle: strength of irregular (Cartesian) patches, 0 without.
        mottle_cells: their smoothing, in cells of 12 h / 64.
        tails: tidal tails; their `amplitude` is their strength.
        edge_on: None where the disc is drawn tilted.
        texture_seed: of all noise painted on the disc.
    """

    share: float
    h_kpc: float
    inclination_deg: float
    q: float
    thickness: float
    angle: float
    kind: float
    young_share: float
    old_stars: Stars
    young_stars: Stars
    sense: int
    arms: tuple[Arm, ...]
    flocculent: bool
    arm_old: float
    arm_young: float
    arm_noise: float
    arm_wiggle: float
    patchiness: float
    truncation: float
    truncation_width: float
    outer_share: float
    outer_scale: float
    young_scale: float
    hole_depth: float
    hole_radius: float
    dust: float
    bar: Bar | None
    rings: tuple[Ring, ...]
    knots: tuple[Knot, ...]
    knot_share: float
    lopsided: float
    lopsided_angle: float
    mottle: float
    mottle_cells: float
    tails: tuple[Arm, ...]
    edge_on: EdgeOn | None
    texture_seed: int


@dataclass(frozen=True)
class Shell:
    """An arc of stars with a sharp outer edge around a disturbed elliptical.

    Args:
        share: of the body's light.
        radius: in half-light radii of the spheroid.
        width: in half-light radii.
        angle, spread: its middle and its angular sigma.
    """

    share: float
    radius: float
    width: float
    angle: float
    spread: float


@dataclass(frozen=True)
class Body:
    """The stars of one galaxy; a merger has two.

    Args:
        magnitude: absolute, AB, rest-frame r.
        x_kpc, y_kpc: from the centre of the image.
        spheroid, disc: at least one.
        shells: if any.
    """

    magnitude: float
    x_kpc: float
    y_kpc: float
    spheroid: Spheroid | None
    disc: Disc | None
    shells: tuple[Shell, ...] = ()


@dataclass(frozen=True)
class Lens:
    """A background galaxy seen through a singular isothermal sphere with shear.

    Args:
        einstein_arcsec: Einstein radius.
        source_x, source_y: of the source, in Einstein radii.
        source_size: exponential scale of the source, in Einstein radii.
        fainter_mag: than the lensing galaxy, unlensed, in apparent magnitudes.
        shear: two components.
    """

    einstein_arcsec: float
    source_x: float
    source_y: float
    source_size: float
    fainter_mag: float
    shear: tuple[float, float]


ArtifactKind = Literal["star", "missing", "trail", "misregistered", "column"]


@dataclass(frozen=True)
class Artifact:
    """What makes an image useless.

    Args:
        kind: bright star, missing data, satellite trail, misregistered colours, saturated column.
        numbers: four in [0, 1) from which the kind takes its position, angle and strength.
    """

    kind: ArtifactKind
    numbers: tuple[float, float, float, float]


@dataclass(frozen=True)
class Galaxy:
    """One galaxy of the sky.

    Args:
        seed: of the sky.
        index: in the sky; (seed, index) determine everything else.
        family: one of `FAMILIES`.
        redshift: its own.
        bodies: the primary first.
        merging: how far a merger has come.
        lens, artifact: if any.
    """

    seed: int
    index: int
    family: str
    redshift: float
    bodies: tuple[Body, ...]
    merging: Merging
    lens: Lens | None = None
    artifact: Artifact | None = None

    @property
    def name(self) -> str:
        """Its id: unique in all skies."""
        return f"sky{self.seed}-{self.index:09d}"

    @property
    def primary(self) -> Body:
        """The body at the centre."""
        return self.bodies[0]


def index_of(name: str) -> int:
    """Name of a galaxy -> its index in its sky."""
    return int(name.rpartition("-")[2])
