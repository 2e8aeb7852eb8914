"""An encoder that computes in half precision and says what it found in single precision.

bfloat16 has the range of single precision and 8 bits of a number (Kalamkar et al. 2019, arXiv:1905.12322): processors
that have it do twice the work, and embeddings point a degree elsewhere. What is made of the embeddings is not affected:
heads and posteriors compute in single precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from selfsup.encoders.base import Encoder, Wrapped
from selfsup.types import ConfigError

T = TypeVar("T")
PRECISIONS = ("single", "bfloat16")


class Bfloat16(Wrapped):
    """Another encoder, at about half its cost."""

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D) float32."""
        embedding: Tensor = self._asked(self.encoder, image).float()
        return embedding

    def feature_map(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D, h, w) float32."""
        return self._asked(self.encoder.feature_map, image).float()

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> maps from fine to coarse, float32."""
        return [level.float() for level in self._asked(self.encoder.pyramid, image)]

    def _asked(self, ask: Callable[[Tensor], T], image: Tensor) -> T:
        with torch.autocast(image.device.type, torch.bfloat16):
            return ask(image)


def in_precision(encoder: Encoder, precision: str) -> Encoder:
    """The encoder as it is (single), or in bfloat16.

    Raises:
        ConfigError: another precision.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"task.precision={precision}: write one of {', '.join(PRECISIONS)}")
    return Bfloat16(encoder) if precision == "bfloat16" else encoder
