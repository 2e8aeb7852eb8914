"""Where light is computed: the stamps of a batch, padded for Fourier transforms, two sub-pixels a pixel.

Images on a grid are surface brightnesses in nanomaggies / arcsec^2, of shape (G, 3, M, M): stamps, bands (red, green,
blue), rows (y), columns (x).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

OVERSAMPLING = 2
"""Sub-pixels along the edge of a pixel."""


@dataclass(frozen=True)
class Grid:
    """The sub-pixels of G stamps of the same size, each with its own pixel scale.

    Args:
        pixel_arcsec: (G,) edge of a pixel of each stamp.
        size_px: edge of the stamps.
    """

    pixel_arcsec: Tensor
    size_px: int

    @property
    def pad_px(self) -> int:
        """Pixels beyond each edge: galaxies and their blur go on there. Makes the padded edge a good length for FFT."""
        return 4 if self.size_px <= 64 else 8

    @property
    def padded_px(self) -> int:
        """Pixels along the edge of a padded stamp."""
        return self.size_px + 2 * self.pad_px

    @property
    def edge(self) -> int:
        """M, sub-pixels along the edge of a padded stamp."""
        return OVERSAMPLING * self.padded_px

    @cached_property
    def axis(self) -> Tensor:
        """(G, M) arcsec from the centre, along x and along y; every second sub-pixel is the middle of a pixel."""
        device = self.pixel_arcsec.device
        steps = torch.arange(self.edge, device=device, dtype=torch.float32) - OVERSAMPLING * (self.padded_px - 1) / 2
        return steps * self.step_arcsec[:, None]

    @property
    def step_arcsec(self) -> Tensor:
        """(G,) edge of a sub-pixel."""
        return self.pixel_arcsec / OVERSAMPLING

    def of(self, owner: Tensor) -> Grid:
        """(K,) stamps -> the grid whose K stamps are those of this one, in this order."""
        return Grid(self.pixel_arcsec[owner], self.size_px)

    def offsets(self, x0: Tensor, y0: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates turned into a component's own axes, from its centre.

        Args:
            x0: (G,) centre, in arcsec.
            y0: (G,) centre, in arcsec.
            angle: (G,) radians, of its major axis, from x towards y.

        Returns:
            (G, M, M) along the major axis and across it, in arcsec.
        """
        x = (self.axis - x0[:, None])[:, None, :]
        y = (self.axis - y0[:, None])[:, :, None]
        cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
        return x * cos + y * sin, y * cos - x * sin
