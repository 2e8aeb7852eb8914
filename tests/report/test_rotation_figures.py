import numpy as np
from PIL import Image

from selfsup.report.rotation_figures import draw_rotation
from selfsup.report.style import BLUE, GREEN, VERMILION, WIDTH_PX

ANGLES = [45.0, 90.0, 135.0, 180.0]


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def height_of(path, colour):
    """Row, from the top, of the highest pixel of this colour below the legend."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    match = (np.abs(pixels(path)[60:] - [red, green, blue]).max(axis=2) < 10).any(axis=1)
    return int(np.flatnonzero(match)[0]) if match.any() else None


def curve(mean):
    return {"angle_deg": ANGLES, "mean": mean, "std": [0.02] * len(mean)}


def test_every_encoder_has_a_curve_and_the_stabler_one_is_higher(tmp_path):
    curves = {"trained": curve([0.99, 0.98, 0.98, 0.99]), "untrained": curve([0.5, 0.4, 0.45, 0.6])}
    ((out, caption),) = draw_rotation("rotation", curves, tmp_path / "new")
    assert out == tmp_path / "new" / "rotation.png"
    assert "rotation" in caption
    assert pixels(out).shape[1] == WIDTH_PX
    assert height_of(out, BLUE) < height_of(out, VERMILION)
    assert height_of(out, GREEN) is None


def test_another_probe_has_no_angles(tmp_path):
    assert draw_rotation("rings", {"trained": {"n": [8.0], "mean": [0.7], "std": [0.1]}}, tmp_path) == []
    assert draw_rotation("knn", {"trained": {}, "pixels": {}}, tmp_path) == []
    assert not list(tmp_path.iterdir())
