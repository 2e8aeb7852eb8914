"""Does the embedding know how a galaxy lies in its picture? Cosines between pictures of it that differ by a turn.

A cosine alone says little: an encoder that says the same of every galaxy has 1. So the scale is set by other galaxies:

    stability = 1 - (1 - cos turned) / (1 - cos other)

is 1 where a turn changes nothing and 0 where a turned galaxy is as far from itself as another galaxy is. As 1 - cos is
half a squared distance of unit vectors, it is an intraclass correlation: what part of the scatter the galaxies make.

Nothing but the turn is to tell two pictures apart. Corners: what a turn moves in and out of the frame lies outside the
inscribed disc, and gives way to the sky at the disc's rim. Sharpness: a resampled picture is smoother than the
original, so all are resampled and none lies along the pixels; and every pair of pictures counts for the angle between
the two, wherever it starts. Pictures that a quarter turn or a flip parts are the same pixels in another order.
"""

import numpy as np
import torch
from kornia.geometry.transform import rotate
from torch import Tensor

from selfsup.probes.base import Embedding, PictureProbe, Scores
from selfsup.probes.split import require_positive
from selfsup.types import ConfigError, DataError

_FADE_SHARE = 1 / 16  # of the edge, over which the disc fades into the sky: a sharp rim would be all that is seen
_SAME = 1e-9  # 1 - cosine of galaxies between which rounding alone tells


class Rotation(PictureProbe):
    """Stability of the embedding under turns by every multiple of a step, and under flips.

    Metrics: `stability`, its mean over all turns; its standard deviation over galaxies `stability_std`; at turns by 90,
    180 and 270 degrees alone `stability_quarter`; under a flip `stability_flip`; and the mean cosines behind them,
    `cosine_turned`, `cosine_flipped` and `cosine_other`, the one between different galaxies. Where all galaxies are the
    same to the encoder, nothing is stable: 0. Curve: `angle_deg` up to 180, and `mean` and `std` over galaxies of the
    stability.

    Args:
        test_count: galaxies, at most.
        step_deg: between the angles; a divisor of 90.
    """

    def __init__(self, test_count: int, step_deg: int) -> None:
        if step_deg <= 0 or 90 % step_deg:
            raise ConfigError(
                f"probe.rotation.step_deg={step_deg} is no divisor of 90: write probe.rotation.step_deg=15."
            )
        self.test_count = int(require_positive([test_count], "probe.rotation.test_count")[0])
        self.step_deg = step_deg

    def __call__(self, images: np.ndarray, embedding: Embedding) -> Scores:
        """Score the embedding.

        Raises:
            DataError: there is a single galaxy.
        """
        if len(images) < 2:
            raise DataError("There is a single galaxy to turn, and none to compare it with: use more, or other data.")
        turned, flipped = self._directions(images, embedding)
        other = _cosine_other(turned)
        turns = np.stack([_cosine(turned, np.roll(turned, lag, axis=0)) for lag in range(1, len(turned))])
        flip, quarter = _cosine(turned, flipped), 90 // self.step_deg
        stability = _stability(turns, other)
        metrics = {
            "stability": stability.mean(),
            "stability_std": stability.mean(axis=0).std(ddof=1),
            "stability_quarter": stability[quarter - 1 :: quarter].mean(),
            "stability_flip": _stability(flip, other).mean(),
            "cosine_turned": turns.mean(),
            "cosine_flipped": flip.mean(),
            "cosine_other": other,
        }
        half = stability[: len(turned) // 2]  # a turn by more is one back by less
        curve = {
            "angle_deg": [float(self.step_deg * lag) for lag in range(1, len(half) + 1)],
            "mean": half.mean(axis=1).tolist(),
            "std": half.std(axis=1, ddof=1).tolist(),
        }
        return Scores({name: float(value) for name, value in metrics.items()}, curve=curve)

    def _directions(self, images: np.ndarray, embedding: Embedding) -> tuple[np.ndarray, np.ndarray]:
        """(N, H, W, C) -> (K, N, D) unit embeddings of the pictures at K angles, and of the same pictures flipped."""
        pictures = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        angles = [(k + 0.5) * self.step_deg for k in range(360 // self.step_deg)]
        found = []
        for angle in angles:
            seen = disc_at(pictures, angle)
            found.append([_unit(embedding(each)) for each in (seen, seen.flip(-1))])
        turned, flipped = (np.stack(each) for each in zip(*found, strict=True))
        return turned, flipped


def disc_at(image: Tensor, angle_deg: float) -> Tensor:
    """(N, C, H, H) -> the same, turned counter-clockwise about its centre; beyond the inscribed disc, its rim's sky."""
    edge = image.shape[-1]
    centre = (torch.arange(edge, dtype=image.dtype) + 0.5) - edge / 2
    radius = torch.hypot(centre[None, :], centre[:, None])
    disc = ((edge / 2 - radius) / (_FADE_SHARE * edge)).clamp(0, 1)
    # Of the image as it is, and so the same at every angle. The median: a neighbour on the rim is not the sky.
    sky = image[..., (disc > 0) & (disc < 1)].median(dim=-1).values[..., None, None]
    turned = rotate(image, torch.tensor([angle_deg], dtype=image.dtype), mode="bicubic", padding_mode="border")
    return torch.lerp(sky, turned.clamp(0, 1), disc)


def _unit(embedding: np.ndarray) -> np.ndarray:
    wide = embedding.astype(np.float64)
    unit: np.ndarray = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return unit


def _cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(K, N, D), (K, N, D) unit -> (N,) mean over K."""
    cosine: np.ndarray = np.einsum("knd,knd->n", one, other) / len(one)
    return cosine


def _cosine_other(unit: np.ndarray) -> float:
    """(K, N, D) unit -> the mean cosine over all pairs of pictures of different galaxies."""
    of_each = unit.mean(axis=0)
    n = len(of_each)
    return float((np.square(of_each.sum(axis=0)).sum() - np.square(of_each).sum()) / (n * (n - 1)))


def _stability(cosine: np.ndarray, other: float) -> np.ndarray:
    """Cosines between pictures of a galaxy, and that between galaxies -> as many stabilities."""
    return 1 - (1 - cosine) / (1 - other) if 1 - other > _SAME else np.zeros_like(cosine)
