"""One picture of what an encoder has learned: galaxies laid out by the two directions in which embeddings vary most.

Principal components (Pearson 1901; Hotelling 1933) rather than UMAP: nothing to tune, the same picture every time, and
distances on the map are not invented. The coordinates are replaced by their ranks, so that the dense middle is spread
out and the sheet is filled.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image
from sklearn.decomposition import PCA

WIDTH_PX, GAP_PX = 1200, 2


def galaxy_map(embedding: np.ndarray, images: ArrayLike, out: Path, n_side: int) -> None:
    """Write a black sheet of n_side x n_side cells, each with the galaxy nearest to its centre, or empty.

    Args:
        embedding: (N, D) float.
        images: (N, H, W, 3) uint8, anything that is indexed by row (a memory map stays on disk).
        out: where the picture goes; its ending says the format (.jpg is a sixth of .png).
        n_side: cells along each side.

    Raises:
        ValueError: embedding and images differ in number, or there are fewer than two galaxies.
    """
    if len(embedding) != len(images) or len(embedding) < 2:  # type: ignore[arg-type]
        n = len(images)  # type: ignore[arg-type]
        raise ValueError(f"a map needs as many images as embeddings, two at least: got {n} and {len(embedding)}")
    draw_cells(choose(plane(embedding), n_side), images, out, (n_side, n_side))


def draw_cells(chosen: Mapping[tuple[int, int], int], images: ArrayLike, out: Path, cells: tuple[int, int]) -> None:
    """Write a black sheet of cells, some with a picture.

    Args:
        chosen: (column, row from the bottom) -> row of `images`.
        images: (N, H, W, 3) uint8, indexed by row.
        out: where the picture goes.
        cells: columns and rows of the sheet.
    """
    columns, rows = cells
    cell_px = WIDTH_PX // max(cells)
    sheet = Image.new("RGB", (cell_px * columns, cell_px * rows))
    for (column, row), galaxy in chosen.items():
        pixels = np.asarray(images[galaxy])  # type: ignore[index]
        thumbnail = Image.fromarray(pixels).resize((cell_px - GAP_PX,) * 2, Image.Resampling.LANCZOS)
        sheet.paste(thumbnail, (column * cell_px, (rows - 1 - row) * cell_px))
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(out, optimize=True, quality=90)


def plane(embedding: np.ndarray) -> np.ndarray:
    """(N, D) -> (N, 2) in (0, 1): the ranks along the first two principal components (one, where D is one)."""
    ranks = principal(embedding).argsort(axis=0, kind="stable").argsort(axis=0)
    return np.asarray((ranks + 0.5) / len(embedding))


def principal(embedding: np.ndarray) -> np.ndarray:
    """(N, D) -> (N, 2): the first two principal components (one and zeros, where D is one)."""
    wide = np.pad(embedding, ((0, 0), (0, max(0, 2 - embedding.shape[1]))))
    return np.asarray(PCA(2, svd_solver="covariance_eigh").fit_transform(wide.astype(np.float64)))


def choose(position: np.ndarray, n_side: int) -> dict[tuple[int, int], int]:
    """(N, 2) -> (column, row from the bottom) -> the galaxy in that cell of the unit square nearest to its centre.

    No two share a cell, so no two overlap; those outside the square are not chosen.
    """
    inside = np.flatnonzero(((position >= 0) & (position < 1)).all(axis=1))
    cell = np.minimum((position[inside] * n_side).astype(int), n_side - 1)
    distance = np.abs(position[inside] * n_side - cell - 0.5).max(axis=1)
    number = cell @ [n_side, 1]
    nearest_first = np.lexsort((distance, number))
    _, first = np.unique(number[nearest_first], return_index=True)
    shown = nearest_first[first]
    return {(int(cell[i, 0]), int(cell[i, 1])): int(inside[i]) for i in shown}
