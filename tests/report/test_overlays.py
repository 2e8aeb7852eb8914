from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from selfsup.report import overlays
from selfsup.report.style import PALETTE, WIDTH_PX


@dataclass(frozen=True)
class Galaxy:
    image: np.ndarray
    predicted: np.ndarray
    truth: np.ndarray | None


def galaxy(structure, known=True, names=2):
    """A dark image with a square of one structure, found where it is."""
    maps = np.zeros((names, 24, 24), bool)
    if structure is not None:
        maps[structure, 8:16, 8:16] = True
    return Galaxy(np.full((24, 24, 3), 20, np.uint8), maps, maps if known else None)


def near(path, colour):
    """Pixels below the legend that are almost of this colour."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)[80:]
    return (np.abs(pixels - [red, green, blue]).max(axis=2) < 40).sum()


def draw(folder, *galaxies, names=("arms", "bar")):
    ((path, caption),) = overlays.draw_overlays("dense", galaxies, names, folder)
    return path, caption


def test_each_structure_has_its_colour(tmp_path):
    for k, colour in enumerate(overlays.COLOURS[:2]):
        path, caption = draw(tmp_path / str(k), galaxy(k))
        assert near(path, colour) > 200
        assert near(path, overlays.COLOURS[1 - k]) == 0
        assert path.name == "dense_maps.jpg"
        assert "without truth" not in caption


def test_truth_is_drawn_where_it_is_known(tmp_path):
    known, _ = draw(tmp_path / "known", galaxy(0))
    unknown, caption = draw(tmp_path / "unknown", galaxy(0, known=False))
    assert near(known, overlays.COLOURS[0]) > 1.7 * near(unknown, overlays.COLOURS[0]) > 0
    assert "without truth" in caption


def test_lines_grow_with_the_galaxies(tmp_path):
    for count in (2, 8):
        path, _ = draw(tmp_path / str(count), *[galaxy(0)] * count, *[galaxy(1, known=False)] * 3)
        with Image.open(path) as image:
            assert image.width == WIDTH_PX
            assert image.height == pytest.approx((count / 2 + 1) * WIDTH_PX / 6, abs=80)


def test_maps_without_an_outline_are_drawn(tmp_path):
    everywhere = galaxy(0)
    everywhere.predicted[1] = True
    path, _ = draw(tmp_path, galaxy(None), everywhere)
    assert near(path, overlays.COLOURS[1]) > 200  # round the whole image


def test_no_galaxies_no_figure(tmp_path):
    assert overlays.draw_overlays("dense", (), ("arms",), tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_colours_suffice_or_are_refused(tmp_path):
    assert sorted(overlays.COLOURS) == sorted(PALETTE)
    with pytest.raises(ValueError, match="8 structures, but 7 colours"):
        draw(tmp_path, galaxy(0, names=8), names=[str(k) for k in range(8)])
