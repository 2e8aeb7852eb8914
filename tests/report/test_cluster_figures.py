"""Groups as pictures: who is shown, in which order, and that nothing is drawn of nothing."""

import numpy as np
import pytest
from PIL import Image

from selfsup.catalogue import Catalogue
from selfsup.report.cluster_figures import EXAMPLES, cluster_map, draw_clusters, examples_sheet

SIZE_PX = 8
TINTS = {0: (250, 0, 0), 1: (0, 250, 0), -1: (0, 0, 250)}


@pytest.fixture
def grouped():
    """60 galaxies in two groups of 30 and 20, and 10 in none; pictures of one tint for each group."""
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, -1], [30, 20, 10])
    images = np.array([np.full((SIZE_PX, SIZE_PX, 3), TINTS[name]) for name in group], dtype=np.uint8)
    return rng.normal(size=(60, 4)) + 8 * group[:, None], group, images


def catalogue(embedding, columns):
    return Catalogue.from_arrays([f"g{i}" for i in range(len(embedding))], embedding, columns, {})


def tinted(path):
    """Share of the picture's pixels in each group's tint."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return {name: float((np.abs(pixels - tint).max(axis=2) < 12).mean()) for name, tint in TINTS.items()}


def test_a_figure_for_the_map_and_for_each_grouping(grouped, tmp_path):
    embedding, group, images = grouped
    columns = {"kmeans": np.where(group < 0, 2, group), "hdbscan": group, "colour": np.linspace(-1, 1, 60)}
    drawn = draw_clusters("clusters", catalogue(embedding, columns), images, np.arange(60), tmp_path)
    names = [path.name for path, _ in drawn]
    assert names == ["clusters_map.png", "clusters_hdbscan.png", "clusters_kmeans.png"]
    for path, caption in drawn:
        assert caption
        with Image.open(path) as image:
            assert image.width <= 1300


def test_rows_lead_to_the_pictures_and_every_group_has_its_row(grouped, tmp_path):
    embedding, group, images = grouped
    store = np.concatenate([np.zeros_like(images), images[::-1]])  # the galaxies lie in it back to front
    examples_sheet(embedding, group, store, np.arange(119, 59, -1), tmp_path / "sheet.png")
    shown = tinted(tmp_path / "sheet.png")
    assert shown[0] > 0.05
    assert shown[1] == pytest.approx(shown[0], rel=0.1)
    assert shown[-1] == pytest.approx(shown[0], rel=0.1)


def test_examples_are_spread_from_the_middle_to_the_edge(tmp_path):
    """A group whose brightness is its distance from the middle: the row must go from the first to the last level."""
    levels = np.arange(0, 240, 2)
    embedding = np.stack([np.where(levels % 4, -1, 1) * levels, np.zeros_like(levels)], axis=1).astype(float)
    group = np.where(levels < 0, 1, 0)
    images = np.repeat(levels, SIZE_PX * SIZE_PX * 3).reshape(-1, SIZE_PX, SIZE_PX, 3).astype(np.uint8)
    examples_sheet(embedding, group, images, np.arange(len(levels)), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as image:
        pixels = np.asarray(image.convert("L")).astype(int)
    row = pixels[pixels.shape[0] * 3 // 4]
    runs = [value for value, before in zip(row[1:], row[:-1], strict=True) if value != before and value < 250]
    assert len(runs) == EXAMPLES
    assert runs == sorted(runs)
    assert runs[0] < 10
    assert runs[-1] == 238


def test_groups_of_one_kind_have_no_sheet_and_colours_need_not_be_known(grouped, tmp_path):
    embedding, _, images = grouped
    one = catalogue(embedding, {"hdbscan": np.full(60, -1)})
    assert [path.name for path, _ in draw_clusters("clusters", one, images, np.arange(60), tmp_path)] == [
        "clusters_map.png"
    ]
    other = catalogue(embedding, {"redshift": np.zeros(60)})
    assert draw_clusters("clusters", other, images, np.arange(60), tmp_path) == []


def test_the_map_puts_red_where_red_galaxies_are(tmp_path):
    embedding = np.concatenate([np.random.default_rng(0).normal(size=(200, 2)) * 0.2 + [x, 0] for x in (-9, 9)])
    cluster_map(embedding, {}, np.repeat([-1.0, 1.0], 200), tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    upper = pixels[: int(pixels.shape[0] * 0.8)]  # above the colour bar
    redder, bluer = (np.flatnonzero((sign * (upper[..., 0] - upper[..., 2]) > 80).any(axis=0)) for sign in (1, -1))
    assert len(redder)
    assert len(bluer)
    assert redder.max() < bluer.min() or bluer.max() < redder.min()
