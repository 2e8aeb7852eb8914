"""Logarithmic ridges on the polar sheet: spiral arms with the dust lanes at their inner edges, and tidal tails.

A ridge is theta = angle + cot(pitch) ln(R / r_in), a straight line on the sheet; its profile in theta is
exp((cos(dtheta) - 1) / width^2), a Gaussian that knows that theta is periodic.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from selfsup.sky.galaxy import Arm, Disc
from selfsup.sky.texture import LOG_STEP, RESOLVED, Sheet, along_arms

_AMPLITUDE_LENGTH, _WIGGLE_LENGTH = 0.35, 0.6
"""Correlation lengths along an arm, in ln R."""
_LANE_SHIFT, _LANE_WIDTH = 0.9, 0.45
"""Of a dust lane, in widths of its arm."""
_VISIBLE = 0.15
"""Contrast of an arm over the disc at which it is more there than not."""
_NO_RIDGE = (0.0, 1.0, 1.0, 0.0, 1.0, 2.0)


@dataclass(frozen=True)
class Ridges:
    """Ridges of K discs, as many for each as the one with most has; the missing ones have amplitude 0.

    Args:
        angle, cot, width, amplitude, r_in, r_out: (K, A, 1), as in `Arm`; cot is signed.
    """

    angle: Tensor
    cot: Tensor
    width: Tensor
    amplitude: Tensor
    r_in: Tensor
    r_out: Tensor


@dataclass(frozen=True)
class Arms:
    """Spiral pattern on the sheet, each (K, 96, 256).

    Args:
        pattern: S, by which the arms raise the disc.
        lanes: D, the same for the dust.
        strength: 1 on the ridge of an arm that is seen, 0 off the arms; see `strength`.
    """

    pattern: Tensor
    lanes: Tensor
    strength: Tensor


def collate(discs: Sequence[Disc], ridges: Sequence[Sequence[Arm]], device: str) -> Ridges:
    """Ridges of each disc -> tensors."""
    most = max(len(own) for own in ridges)
    rows = [
        [_row(arm, disc.sense) for arm in own] + [_NO_RIDGE] * (most - len(own))
        for disc, own in zip(discs, ridges, strict=True)
    ]
    table = torch.tensor(rows, dtype=torch.float32, device=device)
    return Ridges(*table.reshape(len(discs), most, len(fields(Ridges)), 1).unbind(2))


def arms(discs: Sequence[Disc], ridges: Ridges, noise: Tensor, sheet: Sheet) -> Arms:
    """Draw the spiral arms.

    Args:
        discs: K of them.
        ridges: of their arms.
        noise: (K, A, 2, 96) white.
        sheet: to draw on.
    """
    rows = [(disc.arm_noise, disc.arm_wiggle) for disc in discs]
    scatter = torch.tensor(rows, dtype=torch.float32, device=noise.device)[:, :, None, None]
    amplitude = ridges.amplitude * _window(ridges, sheet)
    amplitude = amplitude * torch.exp(scatter[:, 0] * along_arms(noise[:, :, 0], _AMPLITUDE_LENGTH))
    ridge = _ridge(ridges, sheet) + scatter[:, 1] * along_arms(noise[:, :, 1], _WIGGLE_LENGTH)
    width = ridges.width * (0.75 + sheet.radius[:, 0] / 6).clamp(0.6, 1.5)
    profile = _profile(ridge, _resolved(width, ridges.cot), sheet)
    # The concave edge lies at smaller R, and there the arm itself is yet to come.
    lane = ridge + ridges.cot.sign() * _LANE_SHIFT * width
    lanes = _profile(lane, _resolved(_LANE_WIDTH * width, ridges.cot), sheet)
    weight = amplitude[..., None]
    return Arms((weight * profile).sum(1), (weight * lanes).sum(1), strength(discs, amplitude, profile))


def strength(discs: Sequence[Disc], amplitude: Tensor, profile: Tensor) -> Tensor:
    """How much of an arm there is.

    Args:
        discs: K of them.
        amplitude: (K, A, 96) of the arms over the disc.
        profile: (K, A, 96, 256), 1 on the ridge.

    Returns:
        (K, 96, 256): the profile of the strongest arm times 1 - exp(-contrast ln 2 / 0.15), where the contrast is that
        of the arm's old and young light over the disc's: 0.5 halfway down an arm that is plain to see, and nowhere on
        one fainter than 0.15. 0 in a flocculent disc, whose patches are not arms.
    """
    contrast = [
        0.0 if d.flocculent else d.arm_old * (1 - d.young_share) + 2.5 * d.arm_young * d.young_share for d in discs
    ]
    plain = torch.tensor(contrast, dtype=torch.float32, device=profile.device)[:, None, None] / _VISIBLE
    seen = 1 - torch.exp2(-amplitude * plain)
    return (seen[..., None] * profile).amax(1)


def tails(ridges: Ridges, sheet: Sheet) -> tuple[Tensor, Tensor]:
    """Tidal tails: (K, 96, 256) light for a disc of unit flux, whose centre has 1 / (2 pi), and profile in [0, 1]."""
    profile = _profile(_ridge(ridges, sheet), _resolved(ridges.width, ridges.cot), sheet)
    profile = profile * _window(ridges, sheet)[..., None]
    light = (ridges.amplitude[..., None] * profile).sum(1) * (0.12 / (2 * math.pi)) * torch.exp(-sheet.radius / 2.8)
    return light, (profile * (ridges.amplitude[..., None] > 0)).amax(1)


def smoothstep(x: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """0 below `low`, 1 above `high`, 3 t^2 - 2 t^3 between them."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _row(arm: Arm, sense: int) -> tuple[float, ...]:
    cot = sense / math.tan(math.radians(arm.pitch_deg))
    return arm.angle, cot, arm.width, arm.amplitude, arm.r_in, arm.r_out


def _ridge(ridges: Ridges, sheet: Sheet) -> Tensor:
    """(K, A, 96) theta of the ridges."""
    return ridges.angle + ridges.cot * (sheet.log_radius[:, 0] - ridges.r_in.log())


def _window(ridges: Ridges, sheet: Sheet) -> Tensor:
    """(K, A, 96) from 0 to 1 where a ridge begins, and back where it ends."""
    radius, begin, end = sheet.radius[:, 0], ridges.r_in, ridges.r_out
    return smoothstep(radius, 0.55 * begin, 1.15 * begin) * (1 - smoothstep(radius, 0.75 * end, 1.15 * end))


def _profile(ridge: Tensor, width: Tensor, sheet: Sheet) -> Tensor:
    """(K, A, 96) -> (K, A, 96, 256). The cosine of the difference as two products: far cheaper than a cosine a cell."""
    narrow = width**-2
    along = (ridge.cos() * narrow)[..., None] * sheet.theta.cos()
    across = (ridge.sin() * narrow)[..., None] * sheet.theta.sin()
    return (along.add_(across).sub_(narrow[..., None])).exp_()


def _resolved(width: Tensor, cot: Tensor) -> Tensor:
    """Angular widths that survive interpolation between the rows of the sheet, even of a very tight arm."""
    return torch.maximum(width, RESOLVED * LOG_STEP * cot.abs()).expand(-1, -1, width.shape[-1])
