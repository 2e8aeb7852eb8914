"""What each start scores with how many labels, as a table and as a figure."""

import numpy as np
import pytest
from PIL import Image

from selfsup.report.label_table import draw_labels, label_table
from selfsup.report.labels_saved import labels_saved

DRAWS = np.random.default_rng(0).normal(0, 0.01, 6)
CURVES = {
    "scratch": {8: list(0.6 + DRAWS), 32: list(0.7 + DRAWS)},
    "byol": {8: list(0.65 + DRAWS), 32: list(0.72 + DRAWS[::-1])},
}


@pytest.fixture
def rows():
    saved = {"byol": labels_saved(CURVES["scratch"], CURVES["byol"])}
    page = label_table(CURVES, saved, "scratch")
    lines = [line for line in page.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_row_for_each_start_and_number_of_labels(rows):
    assert [row[:2] for row in rows[2:]] == [["scratch", "8"], ["scratch", "32"], ["byol", "8"], ["byol", "32"]]
    assert rows[0][3] == "gain on scratch"
    assert rows[2][3:] == ["", "", ""]  # of itself there is no gain


def test_the_gain_is_that_of_the_same_draws(rows):
    byol8, byol32 = rows[4], rows[5]
    assert byol8[3] == "+0.050 ± 0.000"  # the scatter over draws is common to both, and gone
    assert float(byol32[3].split(" ± ")[1]) > 0  # here it is not
    assert float(byol8[4]) < 1e-6
    assert byol8[5].startswith("2")  # halfway between 8 and 32 labels, in the logarithm


def test_the_figure_shows_every_curve(tmp_path):
    draw_labels(CURVES, tmp_path / "labels.png")
    drawn = np.asarray(Image.open(tmp_path / "labels.png").convert("RGB")).reshape(-1, 3)
    assert len(np.unique(drawn, axis=0)) > 50
