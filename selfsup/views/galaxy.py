"""One kind of view of a galaxy: what survives every step here is what the encoder learns to keep.

The order is that of the light: where the telescope points (one warp), the seeing, the sky's noise, then the display
(colour, one matrix), as in Stein et al. 2021 (arXiv 2110.13151, section 3). Noise before colour has a second reason:
a grey view then has grey noise.
"""

from torch import Tensor, nn

from selfsup.types import DataError
from selfsup.views.colour import changes_colour, recolour
from selfsup.views.noise import add_noise, erase, solarize, widen_psf
from selfsup.views.settings import ViewSettings
from selfsup.views.warp import draw_maps, most_reduction, warp


class GalaxyView(nn.Module):
    """Draws views of a batch, on its device, every image and copy with its own numbers. Has no state.

    Args:
        settings: what is drawn, and from where.
    """

    def __init__(self, settings: ViewSettings) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, image: Tensor, copies: int) -> list[Tensor]:
        """(B, C, H, W) float32 in [0, 1] -> copies, each (B, C, size, size) float32 in [0, 1], contiguous.

        All copies are computed as one batch.

        Raises:
            DataError: a colour change is asked of images that have not three channels.
        """
        settings = self.settings
        if changes_colour(settings) and image.shape[1] != 3:
            raise DataError(
                f"images with {image.shape[1]} channels, but the augmentation changes colours, which takes 3: set "
                "colour_p, grey_p and reddening_p to 0, or read the images as RGB"
            )
        frame = (image.shape[-2], image.shape[-1])
        maps = draw_maps(settings, copies * len(image), frame, image.device)
        view = warp(image, maps, settings.view_px, most_reduction(settings, frame))
        view = add_noise(settings, widen_psf(settings, view))
        if changes_colour(settings):
            view = recolour(settings, view)
        view = erase(settings, solarize(settings, view.clamp_(0, 1)))
        return list(view.chunk(copies))
