"""What is known of a made-up galaxy and of no real one: the columns that probes may read from an embedding."""

from __future__ import annotations

import math

import numpy as np

from selfsup.sky import streams
from selfsup.sky.appearance import absolute_magnitude, axis_ratio, half_light_kpc
from selfsup.sky.galaxy import Arm, Body, Disc, Galaxy
from selfsup.sky.seds import ZERO_POINT
from selfsup.sky.view import View

COLUMNS: dict[str, tuple[str, str]] = {
    "ra": ("deg", "right ascension, made up"),
    "dec": ("deg", "declination, made up"),
    "family": ("", "elliptical, lenticular, spiral, irregular, merger, disturbed, ringed, lens or artifact"),
    "t_type": ("", "de Vaucouleurs' stage, -5 (E) to 10 (Im); NaN for mergers, lenses and artifacts"),
    "hubble_type": ("", "early (t_type up to 0: E, S0) or late; empty where there is no t_type"),
    "redshift": ("", "its own"),
    "redshift_seen": ("", "that it is shown at"),
    "magnitude": ("mag", "apparent, AB, in the green band at the redshift seen, all bodies, without dust"),
    "absolute_magnitude": ("mag", "AB, rest-frame r, all bodies"),
    "half_light_arcsec": ("arcsec", "half-light radius along the major axis, as seen"),
    "half_light_kpc": ("kpc", "the same, proper"),
    "resolution": ("", "half-light radius in full widths of the point-spread function"),
    "signal_to_noise": ("", "of a feature of the galaxy in the green band"),
    "inclination_deg": ("deg", "of the disc, 0 face-on; NaN without a disc"),
    "axis_ratio": ("", "minor to major axis of the disc, or of the spheroid where there is none"),
    "bulge_fraction": ("", "share of the light that is not in the disc; 1 for ellipticals"),
    "sersic_n": ("", "Sersic index of the bulge or elliptical; NaN without either"),
    "pitch_deg": ("deg", "between the arms and a circle, mean weighted by amplitude; NaN where no arms are to be seen"),
    "arm_count": ("", "number of arms; NaN alike"),
    "arm_amplitude": ("", "mean height of the arms over the disc; NaN alike"),
    "bar": ("", "none, weak or strong; empty in an edge-on disc"),
    "bar_length": ("h", "half-length in scale lengths of the disc; NaN without a bar or edge-on"),
    "bar_length_kpc": ("kpc", "the same, proper; NaN alike"),
    "ring": ("", "ring or no-ring; empty in an edge-on disc"),
    "ring_radius_kpc": ("kpc", "NaN without a ring or edge-on"),
    "merging": ("", "none, minor, major (disturbance) or merger (two galaxies)"),
    "merger_stage": ("", "the same as 0, 1, 2, 3"),
    "young_fraction": ("", "share of the light of the body from young stars"),
    "dust": ("", "optical depth of the disc, or at the centre of the lane of an edge-on one; 0 without a disc"),
    "einstein_arcsec": ("arcsec", "Einstein radius; NaN without a lens"),
    "flocculent": ("", "flocculent (patches in place of arms) or not; empty in an edge-on disc"),
    "edge_on": ("", "edge-on or not"),
}
"""Name -> unit and meaning. All but `absolute_magnitude` and `magnitude` speak of the primary where there are two
bodies. A missing number is NaN, a missing word is empty."""

MERGER_STAGES = {"none": 0, "minor": 1, "major": 2, "merger": 3}
_UNTYPED = ("merger", "lens", "artifact")


def parameters(galaxy: Galaxy, view: View) -> dict[str, float | str]:
    """The value of each of `COLUMNS`, in their order."""
    body = galaxy.primary
    stage = t_type(galaxy)
    values: dict[str, float | str] = {"family": galaxy.family, "t_type": stage, "hubble_type": _hubble_type(stage)}
    values |= _position(galaxy) | _seen(galaxy, view) | _light(body) | _disc(body)
    values |= {"absolute_magnitude": absolute_magnitude(galaxy.bodies)}
    values |= {"merging": galaxy.merging, "merger_stage": float(MERGER_STAGES[galaxy.merging])}
    values |= {"einstein_arcsec": galaxy.lens.einstein_arcsec if galaxy.lens is not None else math.nan}
    return {name: values[name] for name in COLUMNS}


def t_type(galaxy: Galaxy) -> float:
    """De Vaucouleurs' numerical stage of the Hubble sequence (de Vaucouleurs et al. 1991).

    -5 for a round elliptical to -4 for the flattest (axis ratio 0.38); -3 for a lenticular with the largest bulge (0.75
    of the light) to -1 with the smallest (0.08); 1 (Sa) to 7 (Sd) for spirals and ringed galaxies by the kind of their
    disc; 10 for irregulars. A disturbed galaxy has the stage of what is disturbed.
    """
    disc, spheroid = galaxy.primary.disc, galaxy.primary.spheroid
    if galaxy.family in _UNTYPED:
        return math.nan
    if galaxy.family == "irregular":
        return 10.0
    if disc is None:
        return -5 + (1 - axis_ratio(galaxy.primary)) / (1 - 0.38)
    if galaxy.family == "lenticular":
        return -1 - 2 * ((spheroid.share if spheroid is not None else 0.08) - 0.08) / (0.75 - 0.08)
    return 1 + 6 * disc.kind


def _hubble_type(stage: float) -> str:
    return "" if math.isnan(stage) else "early" if stage <= 0 else "late"


def _position(galaxy: Galaxy) -> dict[str, float | str]:
    """Uniform on the sphere."""
    x, y = streams.position(galaxy.seed, galaxy.index).random(2).tolist()
    return {"ra": 360 * x, "dec": math.degrees(math.asin(2 * y - 1))}


def _seen(galaxy: Galaxy, view: View) -> dict[str, float | str]:
    seen = view.appearance(galaxy)
    return {
        "redshift": galaxy.redshift,
        "redshift_seen": seen.redshift,
        "magnitude": ZERO_POINT - 2.5 * math.log10(float(seen.flux[1])),
        "half_light_arcsec": seen.half_light_arcsec,
        "half_light_kpc": half_light_kpc(galaxy.primary),
        "resolution": seen.resolution,
        "signal_to_noise": seen.signal_to_noise,
    }


def _light(body: Body) -> dict[str, float | str]:
    disc_share = body.disc.share if body.disc is not None else 0.0
    return {
        "axis_ratio": axis_ratio(body),
        "bulge_fraction": 1 - disc_share,
        "sersic_n": body.spheroid.n if body.spheroid is not None else math.nan,
        "young_fraction": disc_share * body.disc.young_share if body.disc is not None else 0.0,
    }


def _disc(body: Body) -> dict[str, float | str]:
    """Of the disc; what an edge-on one hides is missing, and a galaxy without a disc has none of it."""
    disc = body.disc
    edge_on = disc.edge_on if disc is not None else None
    dust = 0.0 if disc is None else disc.dust if edge_on is None else edge_on.dust
    return {
        "inclination_deg": disc.inclination_deg if disc is not None else math.nan,
        "dust": dust,
        "edge_on": "not" if edge_on is None else "edge-on",
        **_structures(disc if edge_on is None else None),
        **_words(disc),
    }


def _words(disc: Disc | None) -> dict[str, float | str]:
    if disc is None:
        return {"bar": "none", "ring": "no-ring", "flocculent": "not"}
    if disc.edge_on is not None:
        return {"bar": "", "ring": "", "flocculent": ""}
    strength = "none" if disc.bar is None else "strong" if disc.bar.strong else "weak"
    return {
        "bar": strength,
        "ring": "ring" if disc.rings else "no-ring",
        "flocculent": "flocculent" if disc.flocculent else "not",
    }


def _structures(disc: Disc | None) -> dict[str, float | str]:
    """Numbers of what can be seen in a tilted disc; NaN in none."""
    length = disc.bar.length if disc is not None and disc.bar is not None else math.nan
    radius = disc.rings[0].radius if disc is not None and disc.rings else math.nan
    scale = disc.h_kpc if disc is not None else math.nan
    arms = disc.arms if disc is not None and not disc.flocculent else ()
    return {
        "bar_length": length,
        "bar_length_kpc": length * scale,
        "ring_radius_kpc": radius * scale,
        "arm_count": float(len(arms)) if arms else math.nan,
        "arm_amplitude": float(np.mean([arm.amplitude for arm in arms])) if arms else math.nan,
        "pitch_deg": _pitch_deg(arms),
    }


def _pitch_deg(arms: tuple[Arm, ...]) -> float:
    if not arms:
        return math.nan
    return float(np.average([arm.pitch_deg for arm in arms], weights=[arm.amplitude for arm in arms]))
