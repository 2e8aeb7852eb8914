"""Bars and rings on the polar sheet: generalised ellipses, which there are a function of R times one of theta.

rho = ((|X| / L)^c + (|Y| / q L)^c)^(1 / c) = R / L (|cos|^c + |sin / q|^c)^(1 / c) (Athanassoula et al. 1990). Both
take a share of the disc's light; a bar sweeps the disc beside it, a ring what lies just inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields

import torch
from torch import Tensor

from selfsup.sky.galaxy import Bar, Disc, Ring
from selfsup.sky.ridges import smoothstep
from selfsup.sky.texture import Sheet

_NO_BAR = Bar(False, 0.0, 1.0, 0.5, 0.0, 0.0, 2.0, False)
_NO_RING = Ring(1.0, 0.1, 0.0, 0.0, 1.0, 0.0)
_DESERT = 0.85
"""Share of the young light that a bar sweeps away."""
_ANSA, _ANSA_AT, _ANSA_WIDTH = 0.25, 0.95, 0.25
"""Brightness, place and width of the bright ends, in the bar's own units."""
_DEPRESSION, _DEPRESSION_AT, _DEPRESSION_WIDTH = 0.5, 0.75, 0.2
"""Of the disc inside a ring; place and width in radii of the ring."""


def add_bars(discs: Sequence[Disc], old: Tensor, young: Tensor, sheet: Sheet) -> tuple[Tensor, Tensor, Tensor]:
    """Old and young light of K discs -> the same with their bars, and the strength: 1 inside, 0.5 at rho = 1."""
    bars = [disc.bar or _NO_BAR for disc in discs]
    table = torch.tensor([astuple(bar) for bar in bars], dtype=torch.float32, device=old.device)
    its = {field.name: column[:, None, None] for field, column in zip(fields(Bar), table.unbind(1), strict=True)}
    theta = sheet.theta - its["angle"]
    cos, sin = theta.cos().abs(), (theta.sin() / its["q"]).abs()
    rho = sheet.radius / its["length"] * (cos ** its["boxiness"] + sin ** its["boxiness"]) ** (1 / its["boxiness"])
    light = torch.exp(-1.4 * rho**1.6) * (1 - smoothstep(rho, 0.85, 1.35))
    if any(bar.ansae for bar in bars):
        ends = torch.exp(-(((rho - _ANSA_AT) / _ANSA_WIDTH) ** 2)) * (sheet.radius * cos > 0.6 * its["length"])
        light = light + _ANSA * its["ansae"] * ends
    has = (its["share"] > 0).float()
    inside = has * (1 - smoothstep(rho, 0.8, 1.2))
    beside = torch.exp(-((sheet.radius / (0.85 * its["length"])) ** 4)) * (1 - inside)
    old = mixed(old * (1 - its["gap"] * beside), light, its["share"], sheet)
    desert = torch.exp(-((sheet.radius / (0.8 * its["length"])) ** 4))
    return old, young * (1 - _DESERT * has * desert), inside


def add_rings(
    discs: Sequence[Disc], old: Tensor, young: Tensor, scatter: Tensor, sheet: Sheet
) -> tuple[Tensor, Tensor, Tensor]:
    """Old and young light of K discs -> the same with their rings, and the strength: 1 on the crest.

    Args:
        discs: K of them.
        old: (K, 96, 256) light.
        young: (K, 96, 256) light.
        scatter: (K, 96, 256) of the logarithm of the rings' brightness.
        sheet: to draw on.
    """
    most = max(len(disc.rings) for disc in discs)
    strength = torch.zeros_like(old)
    for number in range(most):
        rings = [disc.rings[number] if number < len(disc.rings) else _NO_RING for disc in discs]
        table = torch.tensor([astuple(ring) for ring in rings], dtype=torch.float32, device=old.device)
        its = {field.name: column[:, None, None] for field, column in zip(fields(Ring), table.unbind(1), strict=True)}
        theta = sheet.theta - its["angle"]
        radius = sheet.radius * torch.hypot(theta.cos(), theta.sin() / its["q"])
        crest = torch.exp(-0.5 * ((radius - its["radius"]) / its["width"]) ** 2)
        depth = torch.exp(-0.5 * ((radius / its["radius"] - _DEPRESSION_AT) / _DEPRESSION_WIDTH) ** 2)
        has = ((its["share_old"] + its["share_young"]) > 0).float()
        swept, light = 1 - _DEPRESSION * has * depth, crest * torch.exp(0.5 * scatter)
        old = mixed(old * swept, light, its["share_old"], sheet)
        young = mixed(young * swept, light, its["share_young"], sheet)
        strength = torch.maximum(strength, has * crest)
    return old, young, strength


def mixed(disc: Tensor, other: Tensor, share: Tensor, sheet: Sheet) -> Tensor:
    """(K, 96, 256) of unit flux, of which the other has this share."""
    return (1 - share) * unit(disc, sheet) + share * unit(other, sheet)


def unit(light: Tensor, sheet: Sheet) -> Tensor:
    """(K, 96, 256) -> the same of unit flux in units of h^2."""
    return light / (light * sheet.area).sum((1, 2), keepdim=True)
