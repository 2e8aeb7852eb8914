"""What a denoiser was trained with, and what it makes of galaxies that it has not seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from selfsup.report.figures import galaxy_sheet
from selfsup.report.style import BLUE, VERMILION, page, styled, write_figure

View = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Clean and noisy (N, H, W, 3) uint8, and the galaxies' mask (N, H, W) bool."""


def sample_sheet(views: Sequence[View], out: Path) -> None:
    """Draw what each galaxy is in training: for each view the clean image, the noisy one and the mask; a galaxy a row.

    Args:
        views: of the same N galaxies in the same order.
        out: where the PNG goes.
    """
    columns: dict[str, np.ndarray] = {}
    for number, (clean, noisy, mask) in enumerate(views, start=1):
        columns |= {f"clean C{number}": clean, f"noisy N{number}": noisy, f"mask M{number}": _white_on_black(mask)}
    galaxy_sheet(columns, out)


def before_after(noisy: np.ndarray, denoised: np.ndarray, clean: np.ndarray, out: Path) -> None:
    """Draw triptychs, two a line: what was given, what was made of it, what it should be; each (N, H, W, 3) uint8."""
    galaxy_sheet({"noisy": noisy, "denoised": denoised, "clean": clean}, out, side_by_side=2)


@styled
def restoration(scores: Mapping[str, Mapping[str, float]], out: Path) -> None:
    """Draw the galaxies' likeness to the truth and the sky's scatter, before and after, for each noise.

    Args:
        scores: name of the noise -> `ssim_noisy`, `ssim_denoised`, `scatter_noisy`, `scatter_denoised`.
        out: where the PNG goes.
    """
    titles = {"ssim": "SSIM of the galaxy (1: as the truth)", "scatter": "scatter of the sky (white is 1)"}
    figure, both = page(len(titles), 1.2 + 0.45 * len(scores), sharey=True)
    places = np.arange(len(scores))[::-1]
    for axes, (name, title) in zip(both, titles.items(), strict=True):
        before, after = ([one[f"{name}_{side}"] for one in scores.values()] for side in ("noisy", "denoised"))
        axes.hlines(places, before, after, color="0.8", zorder=1)
        axes.scatter(before, places, color=VERMILION, label="noisy", zorder=2)
        axes.scatter(after, places, color=BLUE, label="denoised", zorder=2)
        axes.set_title(title)
        axes.set_yticks(places, list(scores))
        axes.set_ylim(-0.5, len(scores) - 0.5)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    write_figure(figure, out)


def _white_on_black(mask: np.ndarray) -> np.ndarray:
    """(N, H, W) bool -> (N, H, W, 3) uint8."""
    return np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=-1)
