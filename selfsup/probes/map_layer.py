"""A linear layer from each cell's features to K maps: L2-penalised logistic regression on features too large to copy.

With y the share of a cell that a structure covers and p the mean of y, each structure minimises over all cells
    mean[-a y log s(z) - (1 - y) log(1 - s(z))] + l2/2 |w|^2,   z = w.x + b,   a = sqrt((1 - p) / p),
where x is standardised: the root lies between ignoring that structures are rare and giving both sides the same weight.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

_CHUNK = 8  # galaxies in single precision at a time: what fits into a cache is four times as fast


@dataclass(frozen=True)
class Layer:
    """z = weight x + bias on features as they come: weight (K, D), bias (K), both float32."""

    weight: np.ndarray
    bias: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        """(N, h, w, D) -> (N, h, w, K)."""
        chunks = (features[at : at + _CHUNK].astype(np.float32) for at in range(0, len(features), _CHUNK))
        return np.concatenate([chunk @ self.weight.T + self.bias for chunk in chunks])

    def upsampled(self, features: np.ndarray, edge: int) -> np.ndarray:
        """(N, h, w, D) -> (N, K, edge, edge), bilinear."""
        cells = torch.from_numpy(self.logits(features)).permute(0, 3, 1, 2)
        pixels: np.ndarray = F.interpolate(cells, (edge, edge), mode="bilinear").numpy()
        return pixels

    def predict(self, features: np.ndarray, thresholds: np.ndarray, edge: int) -> np.ndarray:
        """(N, h, w, D) -> (N, K, edge, edge) bool."""
        chunks = (features[at : at + _CHUNK] for at in range(0, len(features), _CHUNK))
        return np.concatenate([self.upsampled(each, edge) >= thresholds[:, None, None] for each in chunks])


class Cells:
    """Cells to fit on: features (N, h, w, D), and target (N, h, w, K) float32 in [0, 1]."""

    def __init__(self, features: np.ndarray, target: np.ndarray) -> None:
        self.features, self.target = features, target
        self.mean, self.scale = (torch.from_numpy(part) for part in _moments(features))
        share = torch.from_numpy(target.mean(axis=(0, 1, 2), dtype=np.float64)).clamp(1e-6, 1 - 1e-6).float()
        self.odds = share / (1 - share)

    def path(self, l2s: list[float], max_iter: int) -> Iterator[tuple[float, Layer]]:
        """The layer of each penalty, the strongest first; each starts where the last ended."""
        weight = torch.zeros(len(self.odds), len(self.mean), requires_grad=True)
        bias = self.odds.log().requires_grad_()
        for l2 in sorted(l2s, reverse=True):
            steps = torch.optim.LBFGS(
                [weight, bias], max_iter=max_iter, tolerance_change=1e-6, line_search_fn="strong_wolfe"
            )
            steps.step(partial(self._descend, weight, bias, l2))  # type: ignore[no-untyped-call]
            yield l2, Layer(*(part.detach().numpy() for part in self._raw(weight, bias)))

    @torch.enable_grad()  # also where the caller evaluates without
    def _descend(self, weight: Tensor, bias: Tensor, l2: float) -> Tensor:
        """The loss at this weight and bias, and its gradient in them."""
        weight.grad = bias.grad = None
        total = l2 / 2 * weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        for at in range(0, len(self.features), _CHUNK):
            x, y = (torch.from_numpy(part[at : at + _CHUNK]).float() for part in (self.features, self.target))
            z = F.linear(x, *self._raw(weight, bias))
            error = F.binary_cross_entropy_with_logits(z, y, pos_weight=self.odds.rsqrt(), reduction="sum")
            mean = error * len(self.odds) / self.target.size
            mean.backward()  # type: ignore[no-untyped-call]
            total = total.detach() + mean.detach()
        return total

    def _raw(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Of standardised features -> of features as they come: they are hundreds of MB, the weights are not."""
        raw = weight / self.scale
        return raw, bias - raw @ self.mean


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, h, w, D) -> mean and scale (D) float32; the scale of a feature that never changes is infinite: no weight."""
    count, total, squares = features[..., 0].size, 0.0, 0.0
    for at in range(0, len(features), _CHUNK):
        chunk = features[at : at + _CHUNK].astype(np.float64)
        total, squares = total + chunk.sum(axis=(0, 1, 2)), squares + np.square(chunk).sum(axis=(0, 1, 2))
    mean = np.asarray(total / count)
    scale = np.sqrt(np.maximum(squares / count - mean**2, 0))
    scale[scale <= 1e-5 * np.abs(mean)] = np.inf
    return mean.astype(np.float32), scale.astype(np.float32)


def shares(truth: np.ndarray, cells: int) -> np.ndarray:
    """(N, K, H, W) bool -> (N, cells, cells, K) float32, the share of each cell that is covered."""
    means = [F.adaptive_avg_pool2d(torch.from_numpy(each).float(), cells) for each in truth]
    return torch.stack(means).permute(0, 2, 3, 1).numpy()
