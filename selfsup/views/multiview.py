"""A batch of galaxies becomes named groups of views: the contract of the configuration group `augmentation`.

SimCLR's two views and DINO's multi-crop (Caron et al. 2020, SwAV; 2021, DINO, section 3.1) differ only in the number of
groups. The work is done on the batch's device, in one pass per group; measured on a CPU core, sampling (B, C, H, W) is
up to half as fast again as sampling channels last, so that the work is in the former layout, whatever the input's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from selfsup.types import ConfigError, DataError
from selfsup.views.galaxy import GalaxyView
from selfsup.views.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selfsup.types import Views


class MultiView(nn.Module):
    """Makes the views that an objective consumes. No parameter, no buffer: nothing of it is in a checkpoint.

    Random numbers come from torch's default generator of the images' device: the same seed gives the same views.

    Args:
        groups: name of the kind of view -> the numbers of `ViewSettings` and `copies`, how many are made (0: none).

    Raises:
        ConfigError: a number is unknown, missing or impossible; names its key.
    """

    def __init__(self, groups: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}
        """Name of the kind -> number of copies."""
        # A plain dict: as submodules, kinds could not be called `type` or `forward`.
        self._kinds: dict[str, GalaxyView] = {}
        for name, given in groups.items():
            settings = dict(given)
            self.counts[name] = _copies(settings.pop("copies", None), name)
            self._kinds[name] = GalaxyView(read_settings(settings, f"augmentation.groups.{name}"))

    @property
    def kinds(self) -> dict[str, GalaxyView]:
        """Name of the kind -> what draws it."""
        return dict(self._kinds)

    @torch.no_grad()
    def forward(self, image: Tensor) -> Views:
        """(B, C, H, W) uint8, or float in [0, 1] -> Views, float32 even under autocast.

        Views are channels last where the images are.

        Raises:
            DataError: the images are not a batch of pixels.
        """
        if image.ndim != 4 or not (image.dtype == torch.uint8 or image.is_floating_point()):
            raise DataError(
                f"images of shape {tuple(image.shape)}, type {image.dtype}: give (B, C, H, W), uint8 or float in [0, 1]"
            )
        with torch.autocast(image.device.type, enabled=False):
            return {name: self._kinds[name](image, copies) if copies else [] for name, copies in self.counts.items()}


def _copies(given: object, name: str) -> int:
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return given
    raise ConfigError(f"augmentation.groups.{name}.copies: {given!r}; write how many views are made, 0 or more")
