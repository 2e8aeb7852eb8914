"""What a denoiser was trained with, and what it makes of galaxies that it has not seen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from selfsup.report.figures import contact_sheet

View = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Clean and noisy (N, H, W, 3) uint8, and the galaxies' mask (N, H, W) bool."""
_TRIPTYCHS = 2  # a line


def sample_sheet(views: Sequence[View], out: Path) -> None:
    """Draw what each galaxy is in training: for each view the clean image, the noisy one and the mask; a galaxy a row.

    Args:
        views: of the same N galaxies in the same order.
        out: where the PNG goes.
    """
    columns: dict[str, np.ndarray] = {}
    for number, (clean, noisy, mask) in enumerate(views, start=1):
        columns |= {f"clean C{number}": clean, f"noisy N{number}": noisy, f"mask M{number}": _white_on_black(mask)}
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    contact_sheet(rows, [""] * len(rows), list(columns), out)


def before_after(noisy: np.ndarray, denoised: np.ndarray, clean: np.ndarray, out: Path) -> None:
    """Draw triptychs, two a line: what was given, what was made of it, what it should be; each (N, H, W, 3) uint8."""
    triptychs = list(zip(noisy, denoised, clean, strict=True))
    rows = [
        [panel for triptych in triptychs[at : at + _TRIPTYCHS] for panel in triptych]
        for at in range(0, len(triptychs), _TRIPTYCHS)
    ]
    names = ["noisy", "denoised", "clean"] * min(_TRIPTYCHS, len(triptychs))
    contact_sheet(rows, [""] * len(rows), names, out)


def _white_on_black(mask: np.ndarray) -> np.ndarray:
    """(N, H, W) bool -> (N, H, W, 3) uint8."""
    return np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=-1)
