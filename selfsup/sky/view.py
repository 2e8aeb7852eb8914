"""How a galaxy is looked at: by which survey, at which redshift, in how large a frame and how many pixels."""

from __future__ import annotations

from dataclasses import dataclass

from selfsup.sky.appearance import Appearance, appear
from selfsup.sky.galaxy import Galaxy
from selfsup.sky.survey import Survey
from selfsup.types import ConfigError

SMALLEST_PX = 16


@dataclass(frozen=True)
class View:
    """One way of looking.

    Args:
        survey: that took the image.
        size_px: edge of the image.
        crop: edge of the frame as a share of Galaxy Zoo's, which is 8.48 times the radius of 90 % of the light.
        redshift: every galaxy is put at this one; None for its own times the survey's factor.
        epoch: number of the exposure; another one is the same galaxy with other noise.
    """

    survey: Survey
    size_px: int
    crop: float
    redshift: float | None = None
    epoch: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if self.size_px < SMALLEST_PX or self.size_px % 2:
            raise ConfigError(f"size_px={self.size_px}: a stamp of the sky has an even edge of {SMALLEST_PX} or more")
        if not 0.1 <= self.crop <= 2:
            raise ConfigError(f"crop={self.crop}: write a share of the frame between 0.1 and 2")
        if self.redshift is not None and not 0.001 <= self.redshift <= 3:
            raise ConfigError(f"redshift={self.redshift}: write one between 0.001 and 3, or null")

    def appearance(self, galaxy: Galaxy) -> Appearance:
        """The galaxy as this survey receives it."""
        return appear(galaxy, self.survey, self.redshift)

    def pixel_arcsec(self, appearance: Appearance) -> float:
        """Edge of a pixel of the image; images are enlarged, but not beyond five times the survey's own pixels."""
        return max(appearance.frame_arcsec * self.crop / self.size_px, 0.2 * self.survey.pixel_arcsec)
