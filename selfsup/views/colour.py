"""All colour changes of a galaxy as one affine map of its three channels, per image.

Brightness, contrast, saturation, hue and grey (Chen et al. 2020, SimCLR, appendix A) and Galactic reddening (Stein et
al. 2021, arXiv 2110.13151) are linear in the values, so that their product is a 3 x 4 matrix and costs one pass over
the batch. Deviations: the order is fixed; values are clipped once, at the end, not between the steps; hue turns about
the grey axis of the RGB cube, where torchvision turns in HSV, which is not linear.
"""

import torch
from torch import Tensor

from selfsup.views.draw import happens, uniform
from selfsup.views.settings import Range, ViewSettings

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of R, G, B in the luminance (ITU-R BT.601)."""

EXTINCTION = (-0.4844, -0.866, -1.2856)
"""log10 of the transmission per magnitude of E(B-V) in z, r, g, which a survey's colour images show as R, G, B."""


def changes_colour(settings: ViewSettings) -> bool:
    """Whether any image can be changed."""
    return any((settings.colour_p, settings.grey_p, settings.reddening_p))


def recolour(image: Tensor, matrices: Tensor) -> Tensor:
    """(B, 3, H, W), (B, 4, 3) from `draw_matrices` -> the images recoloured, not yet clipped to [0, 1]."""
    offset = matrices[:, 3:] @ image.mean(dim=(2, 3)).unsqueeze(2)
    return torch.baddbmm(offset, matrices[:, :3], image.flatten(2)).view_as(image)


def draw_matrices(settings: ViewSettings, count: int, device: torch.device) -> Tensor:
    """(count, 4, 3), a draw for each image: what the new R, G and B take of the old, and the offset of the means.

    In order: reddening, brightness, contrast, saturation, hue, grey. The offset, which only contrast makes, is grey:
    what follows leaves it alone.
    """
    luminance = torch.tensor(LUMINANCE, device=device)
    jittered = happens(settings.colour_p, count, device)
    spans = (settings.brightness, settings.contrast, settings.saturation)
    brightness, contrast, saturation = (_where(jittered, span, 1.0)[:, None] for span in spans)
    gain = _reddening(settings, count, device) * brightness
    matrix = _to_grey(saturation, luminance) @ torch.diag_embed(gain * contrast)
    matrix = _hue(_where(jittered, settings.hue_deg, 0.0)) @ matrix
    coloured = 1 - happens(settings.grey_p, count, device).float()
    pivot = (1 - contrast) * gain * luminance
    return torch.cat([_to_grey(coloured, luminance) @ matrix, pivot.unsqueeze(1)], dim=1)


def _where(drawn: Tensor, span: Range, neutral: float) -> Tensor:
    return torch.where(drawn, uniform(span, len(drawn), drawn.device), neutral)


def _reddening(settings: ViewSettings, count: int, device: torch.device) -> Tensor:
    """(count, 3) transmissions 10^(c E(B-V)).

    Exact for fluxes; here the values are already stretched for display, so that this is the extinction of the colours,
    and stronger in brightness than the same E(B-V) before an asinh stretch.
    """
    ebv = _where(happens(settings.reddening_p, count, device), settings.reddening_ebv_mag, 0.0)
    return torch.pow(10.0, ebv[:, None] * torch.tensor(EXTINCTION, device=device))


def _to_grey(saturation: Tensor, luminance: Tensor) -> Tensor:
    """(B,) -> (B, 3, 3): 1 keeps the colours, 0 leaves luminance, above 1 strengthens them."""
    keep = saturation.view(-1, 1, 1)
    return keep * torch.eye(3, device=keep.device) + (1 - keep) * luminance.expand(1, 3, 3)


def _hue(degrees: Tensor) -> Tensor:
    """(B,) -> (B, 3, 3) rotations about (1, 1, 1), Rodrigues' formula; 120 degrees sends R to G to B to R."""
    angle = torch.deg2rad(degrees).view(-1, 1, 1)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], device=degrees.device)
    cos, sin = angle.cos(), angle.sin()
    return cos * torch.eye(3, device=degrees.device) + (1 - cos) / 3 + sin / 3**0.5 * cross
