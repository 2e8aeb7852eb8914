"""An encoder that says the same of a picture however it is turned by quarters or flipped: the mean over all 8 ways.

A mean over a group is invariant under it, whatever the network, and needs no other training: so Dieleman et al. 2015
(arXiv:1503.07077) average the votes that they predict for turned and flipped galaxies. Here it is the embedding that is
averaged, and everything made of it is invariant too. D4, the group of the square, is the largest that needs no
resampling. A map cannot be invariant: the mean of the maps, each turned back, turns with the picture.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from selfsup.encoders.base import Encoder, Wrapped
from selfsup.types import ConfigError

ORIENTATIONS = [(quarters, mirrored) for mirrored in (False, True) for quarters in range(4)]
"""The 8 elements of D4: quarter turns, and whether a flip follows them."""


class Symmetric(Wrapped):
    """The mean of another encoder over the 8 orientations of the picture, at 8 times its cost."""

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D), the same for all 8 orientations."""
        return _mean([self.encoder(_turn(image, *each)) for each in ORIENTATIONS])

    def feature_map(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D, h, w), which turns with the picture."""
        return self._maps(image, lambda seen: [self.encoder.feature_map(seen)])[0]

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> maps from fine to coarse, which turn with the picture."""
        return self._maps(image, self.encoder.pyramid)

    def _maps(self, image: Tensor, ask: Callable[[Tensor], list[Tensor]]) -> list[Tensor]:
        """The mean of each map over the orientations, each turned back to that of the image."""
        levels = zip(*(ask(_turn(image, *each)) for each in ORIENTATIONS), strict=True)
        return [
            _mean([_turn_back(seen, *each) for seen, each in zip(level, ORIENTATIONS, strict=True)]) for level in levels
        ]


def symmetric(encoder: Encoder, symmetries: int) -> Encoder:
    """The encoder as it is (1), or averaged over flips and quarter turns (8); one that is averaged already stays.

    Raises:
        ConfigError: another number.
    """
    require_symmetries(symmetries, "task.symmetries")
    return encoder if symmetries == 1 or isinstance(encoder, Symmetric) else Symmetric(encoder)


def make_symmetric(module: nn.Module, symmetries: int) -> None:
    """Put `symmetric` encoders in place of all that a trained module and its parts hold, whatever they are called.

    For predictions alone: the names of the weights change.

    Raises:
        ConfigError: a number of symmetries that is neither 1 nor 8.
    """
    holders = [part for part in module.modules() if not isinstance(part, Encoder)]
    for part in holders:
        # An encoder that several parts share is a module of one of them, and a mere attribute of the others.
        for name, held in [*part.named_children(), *vars(part).items()]:
            if isinstance(held, Encoder):
                setattr(part, name, symmetric(held, symmetries))


def require_symmetries(symmetries: int, key: str) -> int:
    """The number; ConfigError if it is neither 1 nor 8."""
    if symmetries not in (1, len(ORIENTATIONS)):
        raise ConfigError(f"{key} is {symmetries}; write 1 (image as it is) or 8 (flips and turns)")
    return symmetries


def _turn(image: Tensor, quarters: int, mirrored: bool) -> Tensor:
    turned = torch.rot90(image, quarters, dims=(-2, -1))
    return turned.flip(-1) if mirrored else turned


def _turn_back(image: Tensor, quarters: int, mirrored: bool) -> Tensor:
    return torch.rot90(image.flip(-1) if mirrored else image, -quarters, dims=(-2, -1))


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean(dim=0)
