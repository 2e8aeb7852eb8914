"""The numbers of one kind of view: read from a mapping, checked once, each with its unit and its neutral value.

The structure of a view is fixed (`galaxy.py`), so that recipes are lists of numbers that can be laid side by side; a
recipe that does not use a step gives it the neutral value.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from numbers import Real
from typing import Any

from selfsup.types import ConfigError

Range = tuple[float, float]
"""Lowest and highest value of a uniform draw; equal, they are a constant."""


@dataclass(frozen=True)
class ViewSettings:
    """What one kind of view draws for each image. None has a default: the recipe is the YAML file.

    Args:
        size_px: edge of the images that the encoder sees at full size, pixels.
        size_share: edge of this view as a share of `size_px`; 1 is full size.
        area_share: area of the crop, share of the frame, in (0, 1]; neutral [1, 1].
        aspect: width over height of the crop, log-uniform; neutral [1, 1].
        place: place of the crop's centre in the room that the frame leaves it, along each axis: [-1, 1] anywhere inside
            the frame (RandomResizedCrop), [0, 0] always central; neutral [0, 0].
        rotation_deg: counter-clockwise as seen, degrees; neutral [0, 0].
        hflip_p: probability of swapping left and right; neutral 0.
        vflip_p: probability of swapping top and bottom; neutral 0.
        zoom: magnification, above 1 enlarges the galaxy; neutral [1, 1].
        shift_share: displacement of the crop along each axis, share of the frame's edge; neutral [0, 0].
        blur_p: probability of a wider PSF; neutral 0.
        blur_sigma_px: sigma of the Gaussian PSF that is added, pixels of the view.
        noise_p: probability of sky noise; neutral 0.
        noise_sigma: sigma of the white Gaussian noise, share of the full scale.
        reddening_p: probability of Galactic extinction; neutral 0.
        reddening_ebv_mag: E(B-V), magnitudes.
        colour_p: probability of the next four together; neutral 0.
        brightness: factor on the values.
        contrast: factor on the distance to the image's mean luminance.
        saturation: factor on the distance to grey.
        hue_deg: turn of the colours about the grey axis, degrees.
        grey_p: probability of luminance in all three channels; neutral 0.
        solarize_p: probability of inverting the values above one half; neutral 0.
        erase_p: probability of blanking a square; neutral 0.
        erase_share: area of that square, share of the view.
    """

    size_px: int
    size_share: float
    area_share: Range
    aspect: Range
    place: Range
    rotation_deg: Range
    hflip_p: float
    vflip_p: float
    zoom: Range
    shift_share: Range
    blur_p: float
    blur_sigma_px: Range
    noise_p: float
    noise_sigma: Range
    reddening_p: float
    reddening_ebv_mag: Range
    colour_p: float
    brightness: Range
    contrast: Range
    saturation: Range
    hue_deg: Range
    grey_p: float
    solarize_p: float
    erase_p: float
    erase_share: Range

    @property
    def view_px(self) -> int:
        """Edge of the view, pixels."""
        return round(self.size_px * self.size_share)


LIMITS: dict[str, Range] = {
    "area_share": (1e-4, 1.0),
    "aspect": (0.1, 10.0),
    "place": (-1.0, 1.0),
    "zoom": (0.05, 20.0),
    "blur_sigma_px": (0.0, float("inf")),
    "noise_sigma": (0.0, 1.0),
    "reddening_ebv_mag": (0.0, float("inf")),
    "brightness": (0.0, float("inf")),
    "contrast": (0.0, float("inf")),
    "saturation": (0.0, float("inf")),
    "erase_share": (0.0, 1.0),
}
"""Where a range has to lie; what is not here may be any finite number."""


def read_settings(given: Mapping[str, Any], key: str) -> ViewSettings:
    """A mapping (a dict or OmegaConf's DictConfig) becomes settings.

    Raises:
        ConfigError: a name is unknown or missing, or a value impossible; every fault under `key`, with its remedy.
    """
    known = {field.name: field.type for field in fields(ViewSettings)}
    faults = [f"{key}.{name}: unknown; {_nearest(str(name), known)}" for name in given if name not in known]
    faults += [f"{key}.{name}: missing; give it a value" for name in known if name not in given]
    values: dict[str, Any] = {}
    for name, kind in known.items():
        if name in given:
            values[name], fault = _read(name, kind, given[name])
            faults += [f"{key}.{name}: {fault}"] if fault else []
    if not faults and (edge := ViewSettings(**values).view_px) < 1:
        faults.append(f"{key}.size_share: a view of {edge} pixels; raise it")
    if faults:
        raise ConfigError("\n".join(faults))
    return ViewSettings(**values)


def _nearest(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"


def _read(name: str, kind: object, value: object) -> tuple[object, str]:
    """The value in its type, and what is wrong with it ("" when nothing is)."""
    if kind is int:
        good = isinstance(value, int) and not isinstance(value, bool) and value > 0
        return value, "" if good else f"{value!r} is no number of pixels; write a whole number above 0"
    if kind is float:
        good = _is_number(value) and 0 <= value <= 1  # type: ignore[operator]
        return value, "" if good else f"{value!r} is not between 0 and 1"
    lowest, highest = LIMITS.get(name, (float("-inf"), float("inf")))
    if not isinstance(value, Sequence) or len(value) != 2 or not all(map(_is_number, value)):
        return value, f"{value!r} is no range; write [lowest, highest]"
    if not lowest <= value[0] <= value[1] <= highest:
        return value, f"{list(value)} does not rise within [{lowest:g}, {highest:g}]"
    return (float(value[0]), float(value[1])), ""


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and abs(float(value)) < float("inf")
