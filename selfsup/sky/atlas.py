"""A disc painted once, face-on, on a polar sheet: whatever looks at it, from any side, in any size, samples this atlas.

On (ln R, theta) arms are straight lines, bars and rings are products of a function of R and one of theta, and detail
is finest where galaxies have it, in the middle. The inverse of coordinate rotation as in GALFIT 3 (Peng et al. 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from selfsup.sky import bars, ridges, texture
from selfsup.sky.galaxy import Disc
from selfsup.sky.ridges import Arms
from selfsup.sky.texture import Sheet, White

_NUMBERS = (
    *("kind", "arm_old", "arm_young", "patchiness", "truncation", "truncation_width", "outer_share", "outer_scale"),
    *("young_scale", "hole_depth", "hole_radius", "dust", "lopsided", "lopsided_angle", "mottle", "mottle_cells"),
)
"""Fields of `Disc` that are painted as they are."""
_DUST_SCALE, _DUST_BETWEEN_ARMS, _DUST_IN_LANES, _DUST_SCATTER = 1.6, 0.35, 1.1, 0.7
_ARM_YOUNG = 2.5
"""Young light of an arm over that of the disc."""
_TAIL_OLD, _TAIL_YOUNG = 0.5, 0.4
_MOTTLE_OLD, _MOTTLE_YOUNG = 0.5, 1.3
"""Exponents of the mottle in old and young light."""


@dataclass(frozen=True)
class Atlas:
    """K discs, face-on: each (K, 96, 256) on the rows and columns of `texture.sheet`.

    Args:
        old, young: light of old and young stars, each of unit flux in units of h^2.
        dust: optical depth.
        arms, bar, ring, tails: strength of the structure, in [0, 1].
    """

    old: Tensor
    young: Tensor
    dust: Tensor
    arms: Tensor
    bar: Tensor
    ring: Tensor
    tails: Tensor


def paint(discs: Sequence[Disc], device: str | torch.device = "cpu") -> Atlas:
    """Paint discs: the same disc gets the same atlas in any batch."""
    sheet = texture.sheet(str(device))
    its = _columns(discs, str(device))
    noise = _noise(discs, str(device))
    patches = texture.sheared(noise, _winding(discs, str(device)))
    arms = _arms(discs, noise, sheet)
    old, young, dust = _smooth(its, arms, patches, sheet)
    tails = torch.zeros_like(old)
    if any(disc.tails for disc in discs):
        light, tails = ridges.tails(ridges.collate(discs, [disc.tails for disc in discs], str(device)), sheet)
        old, young = old + _TAIL_OLD * light, young + _TAIL_YOUNG * light
    bar, ring = torch.zeros_like(old), torch.zeros_like(old)
    if any(disc.bar for disc in discs):
        old, young, bar = bars.add_bars(discs, old, young, sheet)
    if any(disc.rings for disc in discs):
        old, young, ring = bars.add_rings(discs, old, young, its["patchiness"] * patches[:, 2], sheet)
    old, young = _disturb(old, young, its, noise, sheet)
    return Atlas(bars.unit(old, sheet), bars.unit(young, sheet), dust, arms.strength, bar, ring, tails)


def _columns(discs: Sequence[Disc], device: str) -> dict[str, Tensor]:
    """Numbers of the discs, each (K, 1, 1)."""
    table = torch.tensor(
        [[getattr(disc, name) for name in _NUMBERS] for disc in discs], dtype=torch.float32, device=device
    )
    its = dict(zip(_NUMBERS, table[:, :, None, None].unbind(1), strict=True))
    # What has no arms has its young stars between them.
    its["arm_young"] = (
        its["arm_young"] * torch.tensor([bool(disc.arms) for disc in discs], device=device)[:, None, None]
    )
    return its


def _noise(discs: Sequence[Disc], device: str) -> White:
    fields = 3 if any(disc.rings for disc in discs) else 2
    return texture.white([d.texture_seed for d in discs], max(len(d.arms) for d in discs), fields, device)


def _winding(discs: Sequence[Disc], device: str) -> Tensor:
    """(K,) signed cotangents of the pitch along which patches are drawn out: the arms', else the kind's usual one."""
    pitch = [fmean(a.pitch_deg for a in d.arms) if d.arms else 6.8 + 9.5 * d.kind for d in discs]
    sense = torch.tensor([float(disc.sense) for disc in discs], device=device)
    return sense / torch.tensor(pitch, dtype=torch.float32, device=device).deg2rad().tan()


def _arms(discs: Sequence[Disc], noise: White, sheet: Sheet) -> Arms:
    most = max(len(disc.arms) for disc in discs)
    if not most:
        blank = torch.zeros(len(discs), texture.RADII, texture.ANGLES, device=sheet.theta.device)
        return Arms(blank, blank, blank)
    drawn = ridges.collate(discs, [disc.arms for disc in discs], str(sheet.theta.device))
    return ridges.arms(discs, drawn, noise.along[:, :most], sheet)


def _smooth(its: dict[str, Tensor], arms: Arms, patches: Tensor, sheet: Sheet) -> tuple[Tensor, Tensor, Tensor]:
    """Old and young light, each of unit flux, and optical depth of the discs with arms and patches."""
    radius = sheet.radius
    bright = torch.exp(its["patchiness"] * patches[:, 0] - its["patchiness"] ** 2 / 2)
    edge = 0.5 - 0.5 * torch.tanh((radius - its["truncation"]) / its["truncation_width"])
    hole = 1 - its["hole_depth"] * torch.exp(-((radius / its["hole_radius"]) ** 2))
    old = torch.exp(-radius) * edge * (1 + its["arm_old"] * arms.pattern * (0.8 + 0.2 * bright))
    young = (1 - its["arm_young"]) + _ARM_YOUNG * its["arm_young"] * arms.pattern
    young = torch.exp(-radius / its["young_scale"]) * edge * hole * young * bright
    dust = its["dust"] * torch.exp(-radius / _DUST_SCALE) * hole
    dust = dust * (_DUST_BETWEEN_ARMS + _DUST_IN_LANES * arms.lanes) * torch.exp(_DUST_SCATTER * patches[:, 1] - 0.25)
    outer = torch.exp(-radius / its["outer_scale"]).expand_as(old)
    return bars.mixed(old, outer, its["outer_share"], sheet), bars.unit(young, sheet), dust


def _disturb(old: Tensor, young: Tensor, its: dict[str, Tensor], noise: White, sheet: Sheet) -> tuple[Tensor, Tensor]:
    """Lopsided light (Rix and Zaritsky 1995), and the Cartesian patches of irregular galaxies."""
    if bool((its["lopsided"] > 0).any()):
        rise = ridges.smoothstep(sheet.radius, 0.3, 2.5) * torch.cos(sheet.theta - its["lopsided_angle"])
        factor = (1 + its["lopsided"] * rise).clamp(min=0)
        old, young = old * factor, young * factor
    if bool((its["mottle"] > 0).any()):
        field = its["mottle"] * texture.mottle(noise, its["mottle_cells"][:, 0, 0])
        old, young = old * torch.exp(_MOTTLE_OLD * field), young * torch.exp(_MOTTLE_YOUNG * field)
    return old, young
