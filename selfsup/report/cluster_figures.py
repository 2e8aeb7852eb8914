"""Groups of galaxies as pictures: where they lie in the embedding, beside where the colours lie, and who is in them."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from selfsup.catalogue import Catalogue
from selfsup.report.figures import contact_sheet
from selfsup.report.galaxy_map import principal
from selfsup.report.style import DPI, GREY, PALETTE, WIDTH_PX, Captioned, across, page, styled, write_figure

METHODS = {"hdbscan": "HDBSCAN", "kmeans": "k-means", "gmm": "Gaussian mixture"}
"""Column of groups (0 the largest, -1 none) -> name of what found them."""
COLOURS = (*PALETTE[:6], "#F0E442", "#000000")
"""All eight of Okabe and Ito; more groups begin again, and are told apart by their numbers."""
EXAMPLES, MOST_GROUPS = 10, 30
"""Galaxies of each group, and groups, on a sheet of examples, at most."""


def draw_clusters(probe: str, galaxies: Catalogue, images: np.ndarray, rows: np.ndarray, folder: Path) -> Captioned:
    """The figures of a probe that groups galaxies, with their captions; nothing where it grouped none.

    Args:
        probe: its name.
        galaxies: N grouped galaxies, a column of groups for each of `METHODS`; `colour` is drawn where it is there.
        images: (M, H, W, 3) uint8, anything that is indexed by row (a memory map stays on disk).
        rows: (N,) the galaxies' rows of the images.
        folder: where the PNGs go.
    """
    groups = {name: galaxies.column(column) for column, name in METHODS.items() if galaxies.has(column)}
    if not groups or len(galaxies) < 2:
        return []
    embedding = galaxies.embedding()
    out = folder / f"{probe}_map.png"
    cluster_map(principal(embedding), groups, galaxies.column("colour") if galaxies.has("colour") else None, out)
    drawn = [(out, f"Probe {probe}: the groups, and the colours, on the first two principal components.")]
    for column, name in METHODS.items():
        if name in groups and len(np.unique(groups[name])) > 1:
            out = folder / f"{probe}_{column}.png"
            examples_sheet(embedding, groups[name], images, rows, out)
            drawn.append((out, f"Probe {probe}: the {name} groups, each from its centre (left) to its edge (right)."))
    return drawn


@styled
def cluster_map(place: np.ndarray, groups: dict[str, np.ndarray], colour: np.ndarray | None, out: Path) -> None:
    """Draw the galaxies where they lie, a panel for each grouping and one for the colours.

    Args:
        place: (N, 2).
        groups: name -> (N,) int, -1 none.
        colour: (N,) redder is larger, NaN unknown; or None.
        out: where the PNG goes.
    """
    panels = len(groups) + (colour is not None)
    columns = 2 if panels == 4 else across(panels)
    figure, axes = page(panels, WIDTH_PX / DPI / columns, 0.5, columns, sharex=True, sharey=True)
    for axis, (name, group) in zip(axes, groups.items(), strict=False):
        _panel_of_groups(axis, place, group)
        axis.set_title(f"{name}: {group.max() + 1} groups")
    if colour is not None:
        low, high = np.nanquantile(colour, (0.02, 0.98))
        last = axes[panels - 1]
        dots = last.scatter(place[:, 0], place[:, 1], c=colour, cmap="coolwarm", vmin=low, vmax=high, s=5, linewidths=0)
        figure.colorbar(dots, ax=last, location="bottom", label="mag, redder to the right", shrink=0.9)
        last.set_title("colour")
    for axis in axes:
        axis.set(xticks=[], yticks=[])
    write_figure(figure, out)


def examples_sheet(embedding: np.ndarray, group: np.ndarray, images: np.ndarray, rows: np.ndarray, out: Path) -> None:
    """Draw a row of galaxies of each group, those that `examples` chooses."""
    shown = examples(embedding, group)
    titles = [f"{_title(name)}, {(group == name).mean():.0%}" for name in shown]
    contact_sheet([list(images[rows[places]]) for places in shown.values()], titles, [], out)


def examples(embedding: np.ndarray, group: np.ndarray) -> dict[int, np.ndarray]:
    """(N, D) and (N,) -> group -> places of those shown of it, the largest group first, those that are in none last.

    They are spread evenly over the group by their distance from its mean: the nearest alone would flatter it.
    """
    names = [name for name in np.unique(group).tolist() if 0 <= name < MOST_GROUPS] + [-1] * bool((group < 0).any())
    return {name: _spread(embedding, group == name) for name in names}


def _panel_of_groups(axis: Axes, place: np.ndarray, group: np.ndarray) -> None:
    tint = np.array([*COLOURS, GREY])[np.where(group < 0, len(COLOURS), group % len(COLOURS))]
    axis.scatter(place[:, 0], place[:, 1], c=tint, s=5, linewidths=0, alpha=0.6)
    for name in np.unique(group[group >= 0]).tolist():
        x, y = np.median(place[group == name], axis=0)
        box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": COLOURS[name % len(COLOURS)]}
        axis.text(x, y, _title(name), ha="center", va="center", fontsize=8, bbox=box)


def _spread(embedding: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(N, D) and (N,) bool -> places of at most `EXAMPLES` of those inside, from the middle of them to the edge."""
    members = np.flatnonzero(inside)
    distance = np.linalg.norm(embedding[members] - embedding[members].mean(axis=0), axis=1)
    ordered = members[np.argsort(distance, kind="stable")]
    shown: np.ndarray = ordered[np.linspace(0, len(ordered) - 1, min(EXAMPLES, len(ordered))).round().astype(int)]
    return shown


def _title(group: int) -> str:
    return "none" if group < 0 else str(group)
