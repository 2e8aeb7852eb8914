"""Learn the label itself, the yardstick for all that do without: cross-entropy for classes, squared error for values.

Class weights w_c = N / (K n_c) ("balanced", King & Zeng 2001) make each class count the same; label smoothing after
Szegedy et al. 2016 (arXiv:1512.00567), section 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from selfsup.encoders.base import Encoder
from selfsup.objectives.base import Objective
from selfsup.objectives.ranks import mean_over_ranks
from selfsup.types import Batch, ConfigError, DataError, Loss

if TYPE_CHECKING:
    from selfsup.types import Views


class Supervised(Objective):
    """Encoder -> dropout -> linear. Galaxies with an unknown label (-1, or NaN) do not count."""

    views: ClassVar[dict[str, tuple[int, int]]] = {"global": (1, 1)}
    targets: ClassVar[tuple[str, ...]] = ("label",)

    class_weight: Tensor
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        encoder: Encoder,
        classes: Sequence[str] | None,
        class_weights: str | Sequence[float],
        dropout: float,
        label_smoothing: float,
    ) -> None:
        """Build the head.

        Args:
            encoder: image -> embedding.
            classes: names of the K classes, label 0 first; None where the label is a value (regression).
            class_weights: "balanced" (from the training labels), "none", or K numbers; without classes not read.
            dropout: share of the embedding that is dropped in front of the head, in training.
            label_smoothing: share of each target that is spread over all classes; without classes not read.

        Raises:
            ConfigError: fewer than two classes, or weights that do not fit them.
        """
        super().__init__(encoder)
        self.classes = None if classes is None else list(classes)
        self.class_weights, self.label_smoothing = class_weights, label_smoothing
        if self.classes is None:
            self.register_buffer("mean", torch.zeros(()))
            self.register_buffer("std", torch.ones(()))
        else:
            self.register_buffer("class_weight", _initial_weights(self.classes, class_weights))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.dim, 1 if self.classes is None else len(self.classes))

    def observe_labels(self, label: Tensor) -> None:
        """(N,) labels of the training galaxies -> the class weights, or the mean and spread of the value.

        Raises:
            ConfigError: values where classes were announced, or the reverse.
            DataError: no label is known, a class has no name, or all values are the same.
        """
        self._check_kind(label)
        known = label[torch.isfinite(label) if label.is_floating_point() else label >= 0]
        if known.numel() == 0:
            raise DataError("no training galaxy has a known label: check the column that data.label names")
        if self.classes is None:
            self._standardise(known)
        else:
            self._balance(known)

    def forward(self, views: Views, batch: Batch, progress: float) -> Loss:
        """Mean over the galaxies whose label is known, of all processes; 0 where none is."""
        del progress
        label = batch.get("label")
        if label is None:
            raise ConfigError("the data bring no labels for objective=supervised; set data.label=... to their column")
        self._check_kind(label)
        output = self._head(views["global"][0])
        return self._regression(output, label) if self.classes is None else self._classification(output, label)

    def predict(self, image: Tensor) -> dict[str, Tensor]:
        """(B, C, H, W) -> {"label": logits (B, K)}, or the value (B,) in the label's own unit."""
        output = self._head(image)
        return {"label": output[:, 0] * self.std + self.mean if self.classes is None else output}

    def _head(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, K) or (B, 1), in the head's precision also under autocast."""
        embedding = self.encoder(image)
        with torch.autocast(embedding.device.type, enabled=False):
            output: Tensor = self.head(self.dropout(embedding.to(self.head.weight.dtype)))
        return output

    def _classification(self, logits: Tensor, label: Tensor) -> Loss:
        weight = self.class_weight.to(logits.dtype)
        # A class of weight 0 is as good as unknown; so the weighted mean below never divides by 0.
        known = (label >= 0) & (weight[label.clamp(min=0)] > 0)
        target = torch.where(known, label, -1)
        each = F.cross_entropy(
            logits, target, weight, ignore_index=-1, reduction="none", label_smoothing=self.label_smoothing
        )
        weights = mean_over_ranks(torch.where(known, weight[label.clamp(min=0)], 0).sum())
        total = each.sum() / torch.where(weights > 0, weights, 1)
        right = (logits.detach().argmax(1) == target).sum()
        return Loss(total, {"accuracy": right / known.sum().clamp(min=1)})

    def _regression(self, output: Tensor, label: Tensor) -> Loss:
        known = torch.isfinite(label)
        target = (torch.where(known, label, 0).to(output.dtype) - self.mean) / self.std
        squared = torch.where(known, (output[:, 0] - target).square(), 0)
        galaxies = mean_over_ranks(known.sum().to(squared.dtype))
        total = squared.sum() / torch.where(galaxies > 0, galaxies, 1)
        mean = squared.detach().sum() / known.sum().clamp(min=1)
        return Loss(total, {"rmse": mean.sqrt() * self.std})

    def _balance(self, label: Tensor) -> None:
        counts = torch.bincount(label, minlength=self.head.out_features)
        if len(counts) > self.head.out_features:
            raise DataError(
                f"the label column holds class {len(counts) - 1}, but data.classes names only"
                f" {self.head.out_features} classes (0 to {self.head.out_features - 1}); name them all"
            )
        if self.class_weights == "balanced":
            weight = label.numel() / (len(counts) * counts.clamp(min=1))
            self.class_weight.copy_(torch.where(counts > 0, weight, 0))

    def _standardise(self, label: Tensor) -> None:
        spread = label.double().std(correction=0)
        if spread == 0:
            raise DataError("all known training labels are the same value: there is nothing to learn from data.label")
        self.mean.copy_(label.double().mean())
        self.std.copy_(spread)

    def _check_kind(self, label: Tensor) -> None:
        if self.classes is None and not label.is_floating_point():
            raise ConfigError("objective.classes is null but data.label holds whole numbers; set data.classes=[...]")
        if self.classes is not None and label.is_floating_point():
            raise ConfigError("objective.classes names classes but data.label holds values; set data.classes=null")


def _initial_weights(classes: list[str], class_weights: str | Sequence[float]) -> Tensor:
    """(K,) ones, or the weights that were given."""
    if len(classes) < 2:
        raise ConfigError(f"objective.classes is {classes}; name at least two classes, or null to regress a value")
    if isinstance(class_weights, str):
        if class_weights not in ("balanced", "none"):
            raise ConfigError(
                f"objective.class_weights is {class_weights!r}; write balanced, none, or a list of numbers"
            )
        return torch.ones(len(classes))
    weights = torch.tensor([float(weight) for weight in class_weights])
    if len(weights) != len(classes) or bool((weights < 0).any()) or float(weights.sum()) == 0:
        raise ConfigError(f"objective.class_weights must be {len(classes)} numbers >= 0, not all 0, for {classes}")
    return weights
