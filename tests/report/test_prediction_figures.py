"""The figures of a report on predictions: what is in the numbers is seen on the page."""

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from selfsup.report.along_figures import score_panels, value_panels
from selfsup.report.confusion_figures import confusion_panels, label_counts
from selfsup.report.grids import Shown, prediction_grid
from selfsup.report.roc_figures import roc_panels
from selfsup.report.style import BLUE, GREEN, VERMILION, WIDTH_PX


@dataclass
class Curve:
    fpr: np.ndarray
    tpr: np.ndarray
    auc: float


@dataclass
class Bin:
    at: float
    score: float
    lower: float
    upper: float
    galaxies: int = 10


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def amount(path, colour, rows=slice(None), columns=slice(None)):
    """Pixels that are almost of this colour."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return (np.abs(pixels(path)[rows, columns] - [red, green, blue]).max(axis=2) < 30).sum()


PERFECT = Curve(np.array([0.0, 0, 1]), np.array([0.0, 1, 1]), 1.0)
GUESS = Curve(np.array([0.0, 1]), np.array([0.0, 1]), 0.5)


@pytest.mark.parametrize("questions", [1, 4])
def test_a_panel_a_question_and_a_curve_a_run(questions, tmp_path):
    out = tmp_path / "new" / "roc.png"
    roc_panels({f"question {i}": {"a": PERFECT, "b": GUESS} for i in range(questions)}, out)
    assert pixels(out).shape[1] == WIDTH_PX
    assert amount(out, BLUE) > 300 * questions**0.5
    assert amount(out, VERMILION) > 100
    upper_left = (slice(40, 150), slice(100, 250)) if questions > 1 else (slice(40, 400), slice(200, 600))
    assert amount(out, BLUE, *upper_left) > 50
    assert amount(out, VERMILION, *upper_left) == 0


def test_more_curves_than_colours_can_be_drawn(tmp_path):
    roc_panels({"odd": {f"answer {i}": GUESS for i in range(9)}}, tmp_path / "roc.png")
    assert amount(tmp_path / "roc.png", BLUE) > 20


def test_a_confusion_is_dark_where_the_galaxies_are(tmp_path):
    names = ("yes", "no", "a-name-that-is-long")
    right, wrong = np.diag([50, 30, 0]), np.full((3, 3), 10)
    confusion_panels({"bar": (right, names), "ring": (wrong, names)}, tmp_path / "c.png")
    dark = (pixels(tmp_path / "c.png").sum(axis=2) < 300) & (np.ptp(pixels(tmp_path / "c.png"), axis=2) > 60)
    left, middle = slice(WIDTH_PX // 3), slice(WIDTH_PX // 3, 2 * WIDTH_PX // 3)
    assert dark[:, left].sum() > 5000
    assert dark[:, middle].sum() < 500


def test_labels_are_counted_as_bars(tmp_path):
    counts = {"true": np.array([100, 50]), "a, linear": np.array([20, 130])}
    label_counts(["disk", "spiral"], counts, tmp_path / "l.png")
    half = pixels(tmp_path / "l.png").shape[0] // 2
    assert amount(tmp_path / "l.png", BLUE, slice(half, None)) > 3 * amount(tmp_path / "l.png", BLUE, slice(60, half))


def test_scores_along_have_their_intervals(tmp_path):
    wide = [Bin(at, 0.3, 0.1, 0.5) for at in (15.0, 16.0, 17.0)]
    narrow = [Bin(at, 0.8, 0.79, 0.81) for at in (15.0, 16.0, 17.0)]
    out = tmp_path / "bins.png"
    score_panels({"bar": {"a": wide, "b": narrow}, "ring": {"b": narrow}}, "magnitude", "accuracy", out)
    left, right = slice(WIDTH_PX // 2), slice(WIDTH_PX // 2, None)
    assert amount(out, BLUE, slice(60, None), left) > amount(out, VERMILION, slice(60, None), left) + 100
    assert amount(out, VERMILION, slice(60, None), right) > 100 > amount(out, BLUE, slice(60, None), right)
    score_panels({"bar": {"a": [Bin(1.0, 0.5, np.nan, np.nan)]}}, "z", "accuracy", tmp_path / "alone.png")
    assert amount(tmp_path / "alone.png", BLUE) > 10


@pytest.mark.parametrize("galaxies", [40, 4000])
def test_a_number_is_drawn_beside_its_truth(galaxies, tmp_path):
    true = np.linspace(-6, 11, galaxies)
    bins = {"a": [Bin(-5.0, 1.0, 0.5, 1.5), Bin(5.0, -1.0, -1.5, -0.5)]}
    value_panels({"a": (true, true + 1)}, bins, bins, "T", tmp_path / "t.png")
    assert amount(tmp_path / "t.png", VERMILION) > 300  # where both are equal
    assert amount(tmp_path / "t.png", BLUE) > 100


def test_mistakes_are_written_in_red(tmp_path):
    grey = np.full((20, 20, 3), 90, np.uint8)
    right, wrong = Shown(grey, "spiral", "spiral 90%", True), Shown(grey, "spiral", "disk 60%", False)
    prediction_grid([right] * 7, tmp_path / "right.png")
    prediction_grid([wrong] * 7, tmp_path / "wrong.png")
    assert pixels(tmp_path / "right.png").shape[1] == WIDTH_PX
    assert amount(tmp_path / "right.png", GREEN) > 50 > amount(tmp_path / "right.png", VERMILION)
    assert amount(tmp_path / "wrong.png", VERMILION) > 50 > amount(tmp_path / "wrong.png", GREEN)
    assert ((pixels(tmp_path / "right.png") == 90).all(axis=2).sum()) > 7 * 150**2
