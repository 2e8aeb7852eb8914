"""The same galaxy seen with less light and a poorer detector: shot noise and read-out noise, a strength per image.

Display scaling is not linear in flux: this imitates depth, uncalibrated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from selfsup.types import ConfigError


class DetectorNoise:
    """Poisson and Gaussian noise, from torch's default generator of the images' device. Has no state."""

    def __init__(self, poisson_electrons: Sequence[float] | None, gaussian_sigma: Sequence[float]) -> None:
        """Check the ranges.

        Args:
            poisson_electrons: [fewest, most] electrons that a pixel of brightness 1 stands for; few are noisy;
                drawn log-uniformly per image. None: no shot noise.
            gaussian_sigma: [least, most] spread of the read-out noise in units of brightness; uniform per image.

        Raises:
            ConfigError: a range that does not rise, or begins too low.
        """
        self.gaussian_sigma = _range("gaussian_sigma", gaussian_sigma, floor=0.0)
        self.poisson_electrons = None
        if poisson_electrons is not None:
            self.poisson_electrons = _range("poisson_electrons", poisson_electrons, floor=1.0)

    def __call__(self, image: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] -> the same with shot noise, then read-out noise, in [0, 1].

        A pixel of brightness x collects electrons * x electrons on average, and the count divided by `electrons` has
        mean x and variance x / electrons.
        """
        noisy = image
        if self.poisson_electrons is not None:
            low, high = (math.log(limit) for limit in self.poisson_electrons)
            electrons = torch.exp(low + (high - low) * _uniform(image))
            noisy = torch.poisson(noisy.clamp(min=0) * electrons) / electrons
        least, most = self.gaussian_sigma
        noisy = noisy + (least + (most - least) * _uniform(image)) * torch.randn_like(image)
        # Encoders are promised [0, 1], and a stored 8-bit image would be cut off there as well.
        return noisy.clamp(0, 1)


def _uniform(image: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, 1, 1, 1) draws from [0, 1), one per image."""
    return torch.rand(len(image), 1, 1, 1, dtype=image.dtype, device=image.device)


def _range(key: str, limits: Sequence[float], floor: float) -> tuple[float, float]:
    values = [float(limit) for limit in limits]
    if len(values) != 2 or not floor <= values[0] <= values[1]:
        raise ConfigError(f"objective.{key} is {values}; write [least, most] with {floor:g} <= least <= most")
    return values[0], values[1]
