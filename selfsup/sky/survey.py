"""What a survey does to light before anyone sees it: pixels, blur, noise, and the stretch of its colour images."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selfsup.sky.seds import ZERO_POINT
from selfsup.spelling import nearest
from selfsup.types import ConfigError

Bands = tuple[float, float, float]
"""One number for each of the bands shown as red, green and blue."""

STRETCHES = ("lupton", "gz_decals")
MEAN = "mean"
"""Name of a green band that is the mean of red and blue: the pictures of cameras with two filters."""


@dataclass(frozen=True)
class Survey:
    """A survey; every triple is in the order red, green, blue of its colour images.

    Args:
        name: as in `conf/survey`.
        number: of its random streams; never reused.
        pixel_arcsec: native pixel scale.
        bands: names of the bands.
        wavelength_angstrom: effective.
        fwhm_arcsec: of the point-spread function.
        moffat_beta: its wings; 3.5 from the ground, 2.5 from space.
        depth_mag: AB magnitude of a point source at 5 sigma.
        electrons_per_nanomaggy: over the whole exposure.
        seeing_scatter: of the logarithm of the full width, from image to image.
        registration_arcsec: scatter of the bands against each other.
        stretch: "lupton" (Lupton et al. 2004) or "gz_decals" (Walmsley et al. 2022).
        noise_levels: lupton: 8-bit levels of one sigma of the green band's native noise.
        white_mag: lupton: surface brightness in mag / arcsec^2 that becomes white.
        black_levels: lupton: 8-bit levels of the empty sky.
        band_scale: factors on the bands before the stretch.
        redshift_factor: a galaxy is put at this many times its own redshift where none is asked for: deeper surveys
            see farther.
        jpeg_quality: of brightness and colour in published images, 1 to 95; null where they are not JPEG.
    """

    name: str
    number: int
    pixel_arcsec: float
    bands: tuple[str, str, str]
    wavelength_angstrom: Bands
    fwhm_arcsec: Bands
    moffat_beta: float
    depth_mag: Bands
    electrons_per_nanomaggy: Bands
    seeing_scatter: float
    registration_arcsec: float
    stretch: str
    noise_levels: float
    white_mag: float
    black_levels: Bands
    band_scale: Bands
    redshift_factor: float
    jpeg_quality: tuple[int, int] | None

    def __post_init__(self) -> None:
        """Refuse what no telescope has."""
        if self.stretch not in STRETCHES:
            raise ConfigError(f"survey.stretch={self.stretch}: there are {', '.join(STRETCHES)}")
        if self.moffat_beta not in (2.5, 3.5):
            raise ConfigError(f"survey.moffat_beta={self.moffat_beta}: write 3.5 (ground) or 2.5 (space)")
        if self.jpeg_quality is not None and not (
            len(self.jpeg_quality) == 2 and all(1 <= quality <= 95 for quality in self.jpeg_quality)
        ):
            raise ConfigError(f"survey.jpeg_quality={self.jpeg_quality}: write two numbers from 1 to 95, or null")
        positive = {"pixel_arcsec": (self.pixel_arcsec,), "fwhm_arcsec": self.fwhm_arcsec}
        positive |= {"electrons_per_nanomaggy": self.electrons_per_nanomaggy, "band_scale": self.band_scale}
        positive |= {"wavelength_angstrom": self.wavelength_angstrom, "redshift_factor": (self.redshift_factor,)}
        for key, values in positive.items():
            if not all(value > 0 and math.isfinite(value) for value in values):
                raise ConfigError(f"survey.{key}={list(values)}: every value must be above 0")

    @staticmethod
    def from_config(values: Mapping[str, Any]) -> Survey:
        """The node of `conf/survey` -> the survey.

        Raises:
            ConfigError: a key is missing, unknown, or not three numbers where three bands need them.
        """
        fields = {field.name: str(field.type) for field in dataclasses.fields(Survey)}
        for key in values:
            if key not in fields:
                raise ConfigError(f"survey.{key}: no such key{nearest(str(key), list(fields))}")
        for key, kind in fields.items():
            if key not in values:
                raise ConfigError(f"survey.{key}: not set; every survey says it, see conf/survey")
            if kind.startswith(("Bands", "tuple[str")) and (not isinstance(values[key], list) or len(values[key]) != 3):
                raise ConfigError(f"survey.{key}={values[key]}: write three values, for red, green and blue")
        given: Any = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
        return Survey(**given)

    def noise_sigma(self) -> Bands:
        """Standard deviation of the sky, in nanomaggies per native pixel, from the depth and the noise-equivalent area.

        A point source is measured in 2.266 (FWHM / pixel)^2 pixels (Gaussian; King 1983).
        """
        r, g, b = (
            10 ** (0.4 * (ZERO_POINT - depth)) / 5 / math.sqrt(2.266 * (fwhm / self.pixel_arcsec) ** 2)
            for depth, fwhm in zip(self.depth_mag, self.fwhm_arcsec, strict=True)
        )
        return r, g, b
