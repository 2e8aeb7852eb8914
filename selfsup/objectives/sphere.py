"""How the projections of two views lie on the sphere: scalars that tell collapse from learning, whatever the loss.

Alignment and uniformity: Wang & Isola 2020, arXiv:2005.10242, section 4. Deviation: Chen & He 2021, arXiv:2011.10566,
figure 2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


@torch.no_grad()
def alignment_and_uniformity(cosine: Tensor) -> dict[str, Tensor]:
    """(2 B, 2 B) cosines of the first views of B galaxies, then of their second ones -> scalars.

    alignment: mean cosine between the two views of a galaxy; 1 is best, and also what collapse gives.
    uniformity: log of the mean Gaussian potential between different galaxies; 0 when collapsed, towards -4 when spread.
    """
    count = len(cosine) // 2
    galaxy = torch.arange(count, device=cosine.device).repeat(2)
    others = cosine[galaxy[:, None] != galaxy]
    return {
        "alignment": cosine.diagonal(count).mean(),
        # |a - b|^2 = 2 - 2 cos on the sphere, hence exp(-2 |a - b|^2) = exp(4 cos - 4).
        "uniformity": torch.logsumexp(4 * others - 4, dim=0) - math.log(max(others.numel(), 1)),
    }


@torch.no_grad()
def sphere_health(first: Tensor, second: Tensor) -> dict[str, Tensor]:
    """Two (B, D) projections of the same galaxies, B above 1 -> alignment, uniformity, and the deviation.

    deviation: spread of the normalised projection along each axis, times sqrt(D); 0 when collapsed, near 1 when spread
        (the paper's 1 / sqrt(D), made independent of the width).
    """
    points = F.normalize(torch.cat([first, second]), dim=1)
    return {
        **alignment_and_uniformity(points @ points.T),
        "deviation": points.std(dim=0).mean() * math.sqrt(points.shape[1]),
    }
