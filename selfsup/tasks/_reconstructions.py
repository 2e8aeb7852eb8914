"""What an objective that paints makes of galaxies: those it was asked about, and of a sum each part that paints."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from selfsup.data.datamodule import GalaxyData
from selfsup.embed import as_float, device_of, evaluation_mode
from selfsup.objectives.base import Objective
from selfsup.objectives.denoise import Denoise
from selfsup.objectives.hybrid import Hybrid
from selfsup.objectives.mae import MAE
from selfsup.report.figures import galaxy_sheet
from selfsup.tasks._report import Figures
from selfsup.tasks._training_report import pictures

GALAXIES, ACROSS = 6, 2
"""On a figure, at most; side by side."""


@torch.inference_mode()
def draw_reconstructions(objective: Objective, data: GalaxyData, rows: np.ndarray, folder: Path) -> Figures:
    """A figure for each part that paints, nothing for other objectives.

    Args:
        objective: that was trained; left in the mode in which it came.
        data: of the galaxies.
        rows: of the packed images; the first few are drawn.
        folder: where the PNGs go.
    """
    parts: dict[str, nn.Module] = dict(objective.parts.items()) if isinstance(objective, Hybrid) else {"": objective}
    image = next(iter(data.catalogue_loader(rows[:GALAXIES], GALAXIES)))["image"]
    figures: Figures = []
    for name, part in parts.items():
        torch.manual_seed(0)  # the noise, and what is hidden
        with evaluation_mode(part):
            painted = _painted(part, as_float(image.to(device_of(part))))
        if painted:
            out = folder / f"{name}_reconstruction.png".removeprefix("_")
            galaxy_sheet({column: pictures(values) for column, values in painted.items()}, out, side_by_side=ACROSS)
            figures.append((out, f"What {name or 'the objective'} makes of galaxies: {', '.join(painted)}."))
    return figures


def _painted(part: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """(B, C, H, W) in [0, 1] -> name -> pictures, the galaxies first; nothing of a part that paints nothing."""
    if isinstance(part, MAE):
        given, _, predicted = part.reconstruct(image)
        return {"galaxy": image[..., : given.shape[-2], : given.shape[-1]], "given": given, "predicted": predicted}
    if isinstance(part, Denoise):
        noisy = part.noise(image)
        return {"galaxy": image, "given": noisy, "denoised": part.clean(noisy)}
    return {}
