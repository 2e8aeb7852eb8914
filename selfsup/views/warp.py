"""Crop, rotation, flip, zoom and shift of a galaxy as one affine map, and so as one resampling.

A chain of warps resamples once per step: it blurs each time, pads each time, and reads and writes the batch each time.
The maps compose before a pixel is touched (Jaderberg et al. 2015, Spatial Transformer Networks, eq. 1). The crop's law
is that of Inception and SimCLR (Szegedy et al. 2015; Chen et al. 2020, appendix A): area uniform, aspect log-uniform.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from selfsup.views.draw import happens, uniform
from selfsup.views.settings import ViewSettings


def draw_maps(settings: ViewSettings, count: int, frame: tuple[int, int], device: torch.device) -> Tensor:
    """(count, 2, 3): where in the frame each place of the view lies, (x, y) in [-1, 1], y down (grid_sample's).

    A frame that is no square counts as its largest central square: a view never squeezes a galaxy.
    """
    width, height = _draw_crop(settings, count, device)
    turn = torch.deg2rad(uniform(settings.rotation_deg, count, device))
    zoom = uniform(settings.zoom, count, device)
    across = width / zoom * _sign(settings.hflip_p, count, device)
    down = height / zoom * _sign(settings.vflip_p, count, device)
    centre_x = uniform(settings.place, count, device) * (1 - width) + 2 * uniform(settings.shift_share, count, device)
    centre_y = uniform(settings.place, count, device) * (1 - height) + 2 * uniform(settings.shift_share, count, device)
    # A view turned counter-clockwise shows, at each place, the frame's place turned clockwise.
    cos, sin = turn.cos(), turn.sin()
    rows = [cos * across, -sin * down, centre_x, sin * across, cos * down, centre_y]
    short = min(frame)
    to_frame = torch.tensor([short / frame[1], short / frame[0]], device=device)
    return torch.stack(rows, dim=1).view(count, 2, 3) * to_frame.view(1, 2, 1)


def warp(image: Tensor, maps: Tensor, size_px: int, most_reduction: float) -> Tensor:
    """(B, C, H, W), (copies * B, 2, 3) -> (copies * B, C, size_px, size_px), each view sampled once, bilinearly.

    Outside the frame the sky is mirrored at the frame's edge: zeros would draw the frame's outline into every turned
    view (a mark of the angle that no telescope makes), repeating the edge draws streaks of its noise.

    A view that reduces its image would alias: it is read from the image averaged over 2 x 2 (4 x 4, ...) pixels, the
    level whose pixels are nearest in size to the view's (Williams 1983, Pyramidal Parametrics).

    Args:
        image: the frames; copies repeat them in order.
        maps: from `draw_maps`.
        size_px: edge of the views.
        most_reduction: upper bound of frame pixels per view pixel; at or below sqrt(2) no level is made.
    """
    grid = _grid(maps, size_px)
    copies = len(maps) // len(image)
    deepest = max(0, round(math.log2(most_reduction)))
    if deepest == 0:
        return _sample(image.repeat(copies, 1, 1, 1) if copies > 1 else image, grid)
    source = torch.arange(len(image), device=image.device).repeat(copies)
    level = _levels(maps, image.shape[-2:], size_px).clamp(0, deepest)
    views = image.new_empty(len(maps), image.shape[1], size_px, size_px)
    for depth in range(deepest + 1):
        here = (level == depth).nonzero().squeeze(1)
        views[here] = _sample(image[source[here]], grid[here])
        image = F.adaptive_avg_pool2d(image, ((image.shape[-2] + 1) // 2, (image.shape[-1] + 1) // 2))
    return views


def most_reduction(settings: ViewSettings, frame: tuple[int, int]) -> float:
    """The largest number of frame pixels per view pixel that the settings can draw."""
    return math.sqrt(settings.area_share[1]) / settings.zoom[0] * min(frame) / settings.view_px


def _draw_crop(settings: ViewSettings, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Width and height, each (count,), shares of the frame's edge, at most 1.

    torchvision draws again when a box does not fit, which makes large crops rarer than asked; here the aspect gives
    way, so that the area stays uniform.
    """
    area = uniform(settings.area_share, count, device)
    low, high = settings.aspect
    room = -area.log()
    aspect = torch.minimum(torch.maximum(uniform((math.log(low), math.log(high)), count, device), -room), room).exp()
    return (area * aspect).sqrt(), (area / aspect).sqrt()


def _sign(probability: float, count: int, device: torch.device) -> Tensor:
    """(count,) -1 with the probability, else 1."""
    return 1 - 2 * happens(probability, count, device).float()


def _levels(maps: Tensor, frame: torch.Size, size_px: int) -> Tensor:
    """(N,) float32: log2 of frame pixels per view pixel, rounded."""
    determinant = maps[:, 0, 0] * maps[:, 1, 1] - maps[:, 0, 1] * maps[:, 1, 0]
    return (determinant.abs() * frame[0] * frame[1] / size_px**2).log2().mul(0.5).round()


def _grid(maps: Tensor, size_px: int) -> Tensor:
    """(N, 2, 3) -> (N, size, size, 2). The sum of a row and a column: F.affine_grid takes longer than the sampling.

    A place is a complex number x + i y, so that a processor adds whole rows of them at once.
    """
    centres = (torch.arange(size_px, device=maps.device, dtype=maps.dtype) * 2 + 1) / size_px - 1
    right, down, centre = torch.view_as_complex(maps.mT.contiguous()).unsqueeze(1).unbind(dim=2)
    return torch.view_as_real((centres * right)[:, None, :] + (centres * down + centre)[:, :, None])


def _sample(image: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
