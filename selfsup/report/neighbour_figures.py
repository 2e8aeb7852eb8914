"""Galaxies and those that an encoder finds most like them: what a search by example would return.

The nearest by the cosine of the embeddings, exactly, over all that were scored; the galaxy itself is left out.
"""

from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors

from selfsup.report.figures import contact_sheet
from selfsup.report.style import Captioned

QUERIES, NEAREST = 8, 7


def nearest(embedding: np.ndarray, queries: np.ndarray, count: int) -> np.ndarray:
    """(N, D), rows (Q,) -> rows (Q, count) of the most similar others, the most similar first.

    Raises:
        ValueError: there are not so many others.
    """
    if count >= len(embedding):
        raise ValueError(f"{count} nearest of {len(embedding)} galaxies: there are {len(embedding) - 1} others")
    search = NearestNeighbors(n_neighbors=count + 1, metric="cosine").fit(embedding)
    found = search.kneighbors(embedding[queries], return_distance=False)
    # A galaxy is not always the first of its own neighbours: another may have the very same embedding.
    return np.stack([row[row != query][:count] for row, query in zip(found, queries, strict=True)])


def draw_neighbours(embedding: np.ndarray, images: np.ndarray, rows: np.ndarray, folder: Path) -> Captioned:
    """A galaxy a row, and the galaxies nearest to it; nothing where there is only one.

    Args:
        embedding: (N, D) of the galaxies that were scored.
        images: (M, H, W, 3) uint8.
        rows: (N,) of `images`.
        folder: where the PNG goes.
    """
    if len(embedding) < 2:
        return []
    queries = np.unique(np.linspace(0, len(embedding) - 1, min(QUERIES, len(embedding))).astype(int))
    found = np.column_stack([queries, nearest(embedding, queries, min(NEAREST, len(embedding) - 1))])
    sheet = [list(images[rows[row]]) for row in found]
    out = folder / "neighbours.png"
    contact_sheet(sheet, [], ["galaxy", "nearest"], out)
    return [(out, "Galaxies that were scored, and those whose embeddings are nearest (cosine), the nearest first.")]
