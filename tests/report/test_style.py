"""Every figure is as wide as a page, has only the panels that it needs, and is a file of a sensible size."""

import numpy as np
import pytest
from matplotlib import image, rc_context
from matplotlib.figure import Figure

from selfsup.report.figures import confusion_matrix, probe_bars
from selfsup.report.style import MOST_BYTES, WIDTH_PX, common_legend, page, write_figure


@pytest.mark.parametrize(("count", "columns", "places"), [(1, None, 1), (2, None, 2), (4, None, 6), (1, 3, 3)])
def test_panels_that_are_not_drawn_stay_empty(count, columns, places, tmp_path):
    figure, axes = page(count, 1.5, 0.5, columns)
    assert [axis.axison for axis in axes] == [True] * count + [False] * (places - count)
    write_figure(figure, tmp_path / "new" / "page.png")
    rows = -(-places // 3)
    assert image.imread(tmp_path / "new" / "page.png").shape[:2] == (75 + 225 * rows, WIDTH_PX)


def test_a_name_that_several_panels_have_is_once_in_the_legend():
    figure, axes = page(3, 2.0)
    for axis, names in zip(axes, ("ab", "b", ""), strict=True):
        for name in names:
            axis.plot([0, 1], label=name)
    common_legend(figure, axes, "upper left", 8)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_a_large_png_gets_coarser_and_a_jpeg_is_as_it_is_asked_for(tmp_path):
    figure = Figure(figsize=(3, 3))
    figure.figimage(np.random.default_rng(0).integers(0, 255, (450, 450, 3), dtype=np.uint8))
    write_figure(figure, tmp_path / "noise.png")
    assert (tmp_path / "noise.png").stat().st_size <= MOST_BYTES
    for quality in (20, 90):
        write_figure(figure, tmp_path / f"{quality}.jpg", quality=quality)
    assert (tmp_path / "90.jpg").stat().st_size > 2 * (tmp_path / "20.jpg").stat().st_size


OF_A_PERSON = {"text.usetex": True, "figure.dpi": 300, "savefig.bbox": "tight", "axes.facecolor": "k"}


def test_what_a_person_has_set_for_their_own_figures_changes_none_of_ours(tmp_path):
    counts = np.array([[8, 2], [1, 9]])
    confusion_matrix(counts, ["round_1", "100 % bar"], tmp_path / "ours.png")
    with rc_context(OF_A_PERSON):
        confusion_matrix(counts, ["round_1", "100 % bar"], tmp_path / "theirs.png")
    assert (tmp_path / "theirs.png").read_bytes() == (tmp_path / "ours.png").read_bytes()


@pytest.mark.promise("inputs", faults=3)
def test_a_name_is_drawn_as_it_is_written(tmp_path):
    """As formulas, the first of them cannot be read, and the second reads like another."""
    confusion_matrix(np.eye(3, dtype=int), [r"$\frac$", "$a$", "a"], tmp_path / "classes.png")
    probe_bars({r"$\frac$": {"knn": 0.5}, "$^$": {"knn": 0.4}}, tmp_path / "probes.png")
    assert all((tmp_path / name).is_file() for name in ("classes.png", "probes.png"))
