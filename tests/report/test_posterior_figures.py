from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from selfsup.report.posterior_figures import Forecast, calibration_curves, coverage_bars, one_against_all
from selfsup.report.style import BLUE, GREEN, PALETTE, VERMILION, WIDTH_PX


@dataclass
class Curve:
    predicted: np.ndarray
    observed: np.ndarray


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def amount(path, colour, columns=slice(None)):
    """Pixels that are almost of this colour."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return (np.abs(pixels(path)[:, columns] - [red, green, blue]).max(axis=2) < 30).sum()


def forecast(models, observed=3):
    pmfs = np.random.default_rng(0).dirichlet(np.ones(11), models)
    return Forecast("bar: yes", np.full((16, 16, 3), 90, np.uint8), pmfs, observed)


def test_one_network_beside_all_and_what_came(tmp_path):
    out = tmp_path / "new" / "forecast.png"
    one_against_all([forecast(15), forecast(15, observed=9)], out)
    assert pixels(out).shape[1] == WIDTH_PX
    assert amount(out, VERMILION) > 100
    left, right = slice(WIDTH_PX // 4, 5 * WIDTH_PX // 8), slice(5 * WIDTH_PX // 8, None)
    assert amount(out, BLUE, left) > 100
    assert amount(out, BLUE, right) > 100
    photograph = pixels(out)[:, : WIDTH_PX // 4]
    assert (photograph == 90).all(axis=2).sum() > 1000


def test_a_single_network_and_a_crowd_of_nobody_can_be_drawn(tmp_path):
    nobody = Forecast("bar: yes", np.zeros((8, 8, 3), np.uint8), np.ones((1, 1)), 0)
    one_against_all([nobody], tmp_path / "a.png")
    assert amount(tmp_path / "a.png", VERMILION) > 50


@pytest.mark.parametrize("questions", [1, 4])
def test_a_panel_for_each_question_and_a_line_for_each_who(questions, tmp_path):
    curve = Curve(np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.4, 0.95]))
    lines = {"one network": curve, "one pass of it": curve, "all 15": Curve(curve.predicted, curve.predicted)}
    calibration_curves({f"question {i}": lines for i in range(questions)}, tmp_path / "c.png")
    assert pixels(tmp_path / "c.png").shape[1] == WIDTH_PX
    assert amount(tmp_path / "c.png", PALETTE[1]) > 50
    assert amount(tmp_path / "c.png", GREEN) > 50


def test_bars_are_as_high_as_the_coverage(tmp_path):
    low, high = ({"one": {0.5: value, 0.95: value}} for value in (0.2, 0.8))
    for name, coverage in (("low", low), ("high", high)):
        coverage_bars(coverage, tmp_path / f"{name}.png")
    assert amount(tmp_path / "high.png", BLUE) > 3 * amount(tmp_path / "low.png", BLUE)
