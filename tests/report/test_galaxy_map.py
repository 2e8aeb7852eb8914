import numpy as np
import pytest
from PIL import Image

from selfsup.report.galaxy_map import choose, draw_cells, galaxy_map, plane


def test_neighbours_in_the_embedding_are_neighbours_on_the_map():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))[0]
    grid = np.stack(np.meshgrid(np.arange(20) * 2.0, np.arange(20)), axis=-1).reshape(-1, 2)
    position = plane(np.pad(grid, ((0, 0), (0, 14))) @ turn + 5.0)
    assert abs(np.corrcoef(position[:, 0], grid[:, 0])[0, 1]) > 0.99
    assert abs(np.corrcoef(position[:, 1], grid[:, 1])[0, 1]) > 0.99
    assert position.min() > 0
    assert position.max() < 1


def test_each_cell_shows_the_galaxy_nearest_to_its_centre_and_none_twice():
    position = np.random.default_rng(1).uniform(0, 1, (300, 2))
    chosen = choose(position, 5)
    for (column, row), galaxy in chosen.items():
        inside = np.flatnonzero(((position * 5).astype(int) == [column, row]).all(axis=1))
        distance = np.abs(position[inside] * 5 - [column + 0.5, row + 0.5]).max(axis=1)
        assert galaxy == inside[distance.argmin()]
    assert len(set(chosen.values())) == len(chosen) == 25


def test_galaxies_outside_the_square_are_not_chosen():
    position = np.array([[0.5, 0.5], [1.0, 0.5], [-0.01, 0.5], [0.5, 7.0], [0.51, 0.5]])
    assert choose(position, 1) == {(0, 0): 0}
    assert choose(position[1:4], 3) == {}


def test_no_two_pictures_overlap_and_each_lies_where_its_galaxy_does(tmp_path):
    """Each picture in a grey of its own: on the sheet every one is whole, and within a cell of its place."""
    position = np.random.default_rng(2).uniform(0, 1, (40, 2))
    images = np.repeat(np.arange(50, 250, 5, dtype=np.uint8), 8 * 8 * 3).reshape(40, 8, 8, 3)
    chosen = choose(position, 6)
    draw_cells(chosen, images, tmp_path / "map.png", (6, 6))
    with Image.open(tmp_path / "map.png") as image:
        sheet = np.asarray(image.convert("L"))
    for galaxy in chosen.values():
        y, x = np.nonzero(sheet == images[galaxy, 0, 0, 0])
        assert len(x) == 198 * 198
        assert np.ptp(x) == np.ptp(y) == 197
        place = np.array([x.mean(), 1200 - y.mean()]) / 1200
        assert np.abs(place - position[galaxy]).max() < 1 / 6
    assert len(np.unique(sheet)) == len(chosen) + 1


def test_the_sheet_is_black_where_there_is_no_galaxy(tmp_path):
    embedding = np.array([[0.0, 0.0], [10.0, 1.0]])
    images = np.full((2, 6, 6, 3), 255, np.uint8)
    galaxy_map(embedding, images, tmp_path / "map.png", n_side=4)
    with Image.open(tmp_path / "map.png") as image:
        sheet = np.asarray(image.convert("L"))
    cells = sheet.reshape(4, 300, 4, 300).max(axis=(1, 3))
    assert (cells == 255).sum() == 2
    assert (cells == 0).sum() == 14


def test_images_are_read_from_a_memory_map_row_by_row_and_one_width_is_enough(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((5, 8, 8, 3), np.uint8))
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    galaxy_map(np.arange(5.0)[:, None], images, tmp_path / "map.jpg", n_side=3)
    with Image.open(tmp_path / "map.jpg") as sheet:
        assert sheet.size == (1200, 1200)


def test_too_few_or_unequal_rows_are_refused(tmp_path):
    images = np.zeros((3, 4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="3 and 2"):
        galaxy_map(np.zeros((2, 4)), images, tmp_path / "map.png", n_side=2)
    with pytest.raises(ValueError, match="two at least"):
        galaxy_map(np.zeros((1, 4)), images[:1], tmp_path / "map.png", n_side=2)
