"""The contract of an objective: what is minimised, and everything that only it needs (heads, teacher, decoder)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

if TYPE_CHECKING:
    from selfsup.encoders.base import Encoder
    from selfsup.types import Batch, Loss, Views


class Objective(nn.Module, ABC):
    """Owns the encoder and what is trained with it; knows neither the trainer nor the optimiser."""

    views: ClassVar[dict[str, tuple[int, int]]]
    """Name of each kind of view consumed -> (fewest, most) copies: `{"global": (2, 2), "local": (0, 12)}`."""

    targets: ClassVar[tuple[str, ...]] = ()
    """Batch keys read beyond the views: `("votes",)`. Galaxies without them are not learnt from."""

    optional_targets: ClassVar[tuple[str, ...]] = ()
    """Batch keys read of the galaxies that have them; those without are learnt from all the same."""

    remedies: ClassVar[Mapping[str, str]] = {}
    """Its keys to change where it learns nothing, or all galaxies become the same, likeliest first -> how."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    @abstractmethod
    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """One step's loss.

        Args:
            views: name -> copies, each (B, C, size, size) float32 in [0, 1].
            batch: the galaxies; only `targets` and `optional_targets` are read.
            progress: share of the training that is done, in [0, 1]; every schedule is a function of it.
        """

    def observe_labels(self, label: Tensor) -> None:
        """Called once before training with the labels (N,) of the training galaxies: class weights, scale."""

    def after_step(self, progress: float) -> None:
        """Called once after each optimiser step: where an EMA teacher follows."""

    def weight_decay_scale(self, progress: float) -> float:
        """Factor on the optimiser's weight decay at this point of the training."""
        del progress
        return 1.0

    def online_encoder(self) -> Encoder:
        """The encoder to probe and to publish (a teacher, where the method publishes its teacher)."""
        return self.encoder

    def predict(self, image: Tensor) -> dict[str, Tensor]:
        """(B, C, H, W) in [0, 1] -> what the trained head says: "votes" (B, A), "label" (B, K) or (B,); {} without."""
        del image
        return {}
