"""The galaxy of a catalogue that is nearest to a place on the sky.

Angles by the haversine formula (Sinnott 1984, Sky and Telescope 68, 159), which keeps its digits at small separations:
hav(s) = hav(dec1 - dec2) + cos(dec1) cos(dec2) hav(ra1 - ra2), hav(x) = sin^2(x / 2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from selfsup.analysis.rows import numbered
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError, DataError

DEG = np.pi / 180
ARCSEC_PER_DEG = 3600.0


@dataclass(frozen=True)
class Match:
    """The galaxy nearest to a place.

    Args:
        id: its id.
        row: its number in the catalogue.
        separation_arcsec: from the place.
        within: galaxies within the radius that was allowed, itself included.
    """

    id: str
    row: int
    separation_arcsec: float
    within: int


def separation_arcsec(ra_deg: np.ndarray, dec_deg: np.ndarray, place: tuple[float, float]) -> np.ndarray:
    """(n,) and (n,) degrees -> (n,) angle to (ra, dec) in degrees; NaN where a coordinate is."""
    ra, dec = place
    across = np.cos(dec_deg * DEG) * np.cos(dec * DEG) * np.sin((ra_deg - ra) * DEG / 2) ** 2
    hav = np.sin((dec_deg - dec) * DEG / 2) ** 2 + across
    return np.asarray(2 * np.arcsin(np.sqrt(np.minimum(hav, 1))) / DEG * ARCSEC_PER_DEG)


def nearest_at(catalogue: Catalogue, place: tuple[float, float], within_arcsec: float, ra: str, dec: str) -> Match:
    """The galaxy nearest to (ra, dec) in degrees; of equals the one whose id comes first.

    Args:
        catalogue: in which it is looked for.
        place: right ascension (any turn) and declination, in degrees.
        within_arcsec: how far the galaxy may be.
        ra: column of right ascensions, in degrees.
        dec: column of declinations, in degrees.

    Raises:
        ConfigError: there is no such place.
        DataError: no such columns of numbers, no galaxy has a position, or the nearest is too far.
    """
    if not (np.isfinite(place).all() and abs(place[1]) <= 90 and within_arcsec > 0):
        raise ConfigError(
            f"[{place[0]}, {place[1]}] within {within_arcsec} arcsec is no place on the sky; write [RA, DEC] in degrees"
        )
    for name in (ra, dec):
        catalogue.about(name)  # which names the nearest where there is none
        kind = catalogue.schema.field(name).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            raise DataError(f"column '{name}' is {kind}, not degrees; name another")
    best, within = (np.inf, "", -1), 0
    for start, table in numbered(catalogue, [ra, dec]):
        far = separation_arcsec(_degrees(table[ra]), _degrees(table[dec]), place)
        within += int((far <= within_arcsec).sum())
        for i in np.flatnonzero(far == np.min(far, initial=np.inf, where=np.isfinite(far))):
            best = min(best, (float(far[i]), table["id"][int(i)].as_py(), start + int(i)))
    separation, name, row = best
    if row < 0:
        raise DataError(f"no galaxy has a number in both '{ra}' and '{dec}'")
    if separation > within_arcsec:
        raise DataError(
            f"the galaxy nearest to [{place[0]}, {place[1]}] is {name}, {separation:,.1f} arcsec away, "
            f"more than the {within_arcsec:g} that are allowed; name another place, or allow more"
        )
    return Match(name, row, separation, within)


def _degrees(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.cast(pa.float64()).to_numpy())
