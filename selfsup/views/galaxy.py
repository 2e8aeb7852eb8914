"""One kind of view of a galaxy: what survives every step here is what the encoder learns to keep.

The order is that of the light: where the telescope points (one warp), the seeing, the sky's noise, then the display
(colour, one matrix), as in Stein et al. 2021 (arXiv 2110.13151, section 3). Noise before colour has a second reason:
a grey view then has grey noise.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from selfsup.types import DataError
from selfsup.views.colour import changes_colour, draw_matrices, recolour
from selfsup.views.noise import add_noise, erase, solarize, widen_psf
from selfsup.views.settings import ViewSettings
from selfsup.views.warp import draw_maps, most_reduction, warp

CPU_BLOCK_PX = 2**17
"""Pixels of views that a CPU works on at a time: at 64 and 128 pixels twice as fast as batches of 128 at once."""


class GalaxyView(nn.Module):
    """Draws views of a batch, on its device, every image and copy with its own numbers. Has no state.

    Args:
        settings: what is drawn, and from where.
    """

    def __init__(self, settings: ViewSettings) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, image: Tensor, copies: int) -> list[Tensor]:
        """(B, C, H, W) uint8, or float in [0, 1] -> copies, each (B, C, size, size) float32 in [0, 1].

        All copies are computed together; they are channels last where the images are.

        Raises:
            DataError: a colour change is asked of images that have not three channels.
        """
        self._refuse_channels(image.shape[1])
        count, size, frame = len(image), self.settings.view_px, (image.shape[-2], image.shape[-1])
        maps = draw_maps(self.settings, copies * count, frame, image.device).reshape(copies, count, 2, 3)
        matrices = draw_matrices(self.settings, copies * count, image.device).reshape(copies, count, 4, 3)
        views = _empty((copies, count, image.shape[1], size, size), image)
        for rows in _blocks(image, copies * size**2):
            view = self._make(image[rows], maps[:, rows].flatten(0, 1), matrices[:, rows].flatten(0, 1))
            views[:, rows] = view.reshape(copies, -1, *view.shape[1:])
        return list(views)

    def _make(self, image: Tensor, maps: Tensor, matrices: Tensor) -> Tensor:
        """(B, C, H, W), (copies * B, 2, 3), (copies * B, 4, 3) -> (copies * B, C, size, size)."""
        settings = self.settings
        pixels = image.to(torch.float32, memory_format=torch.contiguous_format)
        pixels = pixels / 255 if image.dtype == torch.uint8 else pixels
        view = warp(pixels, maps, settings.view_px, most_reduction(settings, (image.shape[-2], image.shape[-1])))
        view = add_noise(settings, widen_psf(settings, view))
        if changes_colour(settings):
            view = recolour(view, matrices)
        return erase(settings, solarize(settings, view.clamp_(0, 1)))

    def _refuse_channels(self, channels: int) -> None:
        if changes_colour(self.settings) and channels != 3:
            raise DataError(
                f"images with {channels} channels, but the augmentation changes colours, which takes 3: set "
                "colour_p, grey_p and reddening_p to 0, or read the images as RGB"
            )


def _blocks(image: Tensor, pixels_each: int) -> Iterator[slice]:
    """Stretches of the batch: a GPU wants few large calls, a CPU core steps that find their block still in its cache.

    Args:
        image: the batch.
        pixels_each: pixels of views made of each image.
    """
    size = max(1, CPU_BLOCK_PX // pixels_each) if image.device.type == "cpu" else max(1, len(image))
    return (slice(start, start + size) for start in range(0, len(image), size))


def _empty(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """(copies, B, C, H, W) float32, each copy in the layout of the images."""
    if like.is_contiguous(memory_format=torch.channels_last) and not like.is_contiguous():
        copies, count, channels, height, width = shape
        last = torch.empty((copies, count, height, width, channels), device=like.device)
        return last.permute(0, 1, 4, 2, 3)
    return torch.empty(shape, device=like.device)
