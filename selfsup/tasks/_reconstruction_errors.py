"""How badly an objective that paints reconstructs each galaxy: what it has not learned, it paints badly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.catalogue import Catalogue
from selfsup.data.decode import Unreadable
from selfsup.data.pictures import Pictures
from selfsup.data.progress import Work, reported
from selfsup.embed import as_float, device_of
from selfsup.objectives.base import Objective
from selfsup.objectives.denoise import Denoise
from selfsup.objectives.hybrid import Hybrid
from selfsup.objectives.mae import MAE
from selfsup.types import ConfigError


def painter(objective: Objective, checkpoint: str) -> MAE | Denoise:
    """The objective, or the first of its parts, that paints.

    Raises:
        ConfigError: none does.
    """
    parts: list[nn.Module] = list(objective.parts.values()) if isinstance(objective, Hybrid) else [objective]
    for part in parts:
        if isinstance(part, MAE | Denoise):
            return part
    what = type(objective).__name__
    raise ConfigError(f"task.checkpoint: {checkpoint} is of {what}, which paints nothing; train objective=mae")


@torch.inference_mode()
def reconstruction_errors(
    part: MAE | Denoise, catalogue: Catalogue, pictures: Pictures, batch_size: int, passes: int, seed: int
) -> np.ndarray:
    """(N,) float32 mean squared error of each galaxy's reconstruction, in units of white; NaN without a picture.

    Args:
        part: in evaluation mode.
        catalogue: whose galaxies they are.
        pictures: of them, in any order.
        batch_size: pictures at a time.
        passes: of an MAE, each hiding other patches.
        seed: of what is hidden.
    """
    place = {galaxy: row for row, galaxy in enumerate(pictures.ids)}
    rows = np.array([place.get(galaxy, -1) for galaxy in catalogue.ids])
    found = np.full(len(pictures), np.nan, dtype=np.float32)
    torch.manual_seed(seed)
    wanted = np.unique(rows[rows >= 0])
    with reported(len(wanted), Work("painting", "painted", "galaxies")) as advance:
        for here, image in _batches(pictures, wanted, batch_size):
            if len(here):
                found[here] = _errors(part, image.to(device_of(part)), passes).cpu().numpy()
            advance(len(here))
    return np.where(rows >= 0, found[rows], np.nan).astype(np.float32)


def _batches(pictures: Pictures, rows: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Rows of the pictures that can be read, and those (b, 3, H, W) float32."""
    with closing(pictures.some(rows.tolist())) as made:
        for start in range(0, len(rows), size):
            read = [
                (row, picture)
                for row, picture in zip(rows[start : start + size], islice(made, size), strict=True)
                if not isinstance(picture, Unreadable)
            ]
            pixels = np.stack([picture for _, picture in read]) if read else np.zeros((0, 1, 1, 3), dtype=np.uint8)
            yield np.array([row for row, _ in read], dtype=int), as_float(torch.from_numpy(pixels).permute(0, 3, 1, 2))


def _errors(part: MAE | Denoise, image: Tensor, passes: int) -> Tensor:
    """(B, C, H, W) -> (B,), over what was hidden (MAE), or over the galaxy (Denoise, which blackens the sky)."""
    if isinstance(part, Denoise):
        return _mean_where((part.clean(image) - image).square().mean(1), part.masks(image))
    squared, hidden = image.new_zeros(len(image)), image.new_zeros(len(image))
    for _ in range(passes):
        _, mask, predicted = part.reconstruct(image)
        cut = image[..., : mask.shape[-2], : mask.shape[-1]]
        squared += ((predicted - cut).square().mean(1) * mask).sum((1, 2))
        hidden += mask.sum((1, 2))
    return squared / hidden


def _mean_where(error: Tensor, mask: Tensor) -> Tensor:
    """(B, H, W) and its mask -> (B,); NaN where the mask is empty."""
    inside = mask.to(error.dtype)
    mean: Tensor = (error * inside).sum((1, 2)) / inside.sum((1, 2))
    return mean
