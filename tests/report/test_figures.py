import numpy as np
import pytest

from selfsup.report import figures, style


def test_confusion_colours_follow_the_row_shares_not_the_counts(tmp_path, pixels):
    figures.confusion_matrix(np.array([[1000, 0], [0, 10]]), ["many", "few"], tmp_path / "same.png")
    figures.confusion_matrix(np.array([[10, 0], [0, 10]]), ["many", "few"], tmp_path / "twin.png")
    colours = [set(map(tuple, pixels(tmp_path / name).reshape(-1, 3))) for name in ("same.png", "twin.png")]
    assert min(colours[0], key=sum) == min(colours[1], key=sum)
    with pytest.raises(ValueError, match="3 classes"):
        figures.confusion_matrix(np.eye(2), ["a", "b", "c"], tmp_path / "bad.png")


def test_an_empty_class_and_many_classes_are_drawn(tmp_path, pixels):
    figures.confusion_matrix(np.zeros((20, 20)), [f"class {index}" for index in range(20)], tmp_path / "many.png")
    assert pixels(tmp_path / "many.png").shape[1] == style.WIDTH_PX


def test_few_shot_draws_every_curve_and_the_baseline(tmp_path, has_colour):
    curve = {"n": [10, 100, 1000], "mean": [0.5, 0.6, 0.7], "std": [0.1, 0.05, 0.01]}
    lower = {**curve, "mean": [0.4, 0.5, 0.6]}
    figures.few_shot_curve({"trained": curve, "pixels": lower}, tmp_path / "few.png", {"majority": 0.3})
    assert all(has_colour(tmp_path / "few.png", colour) for colour in (style.BLUE, style.VERMILION, style.GREY))
    figures.few_shot_curve({"trained": curve}, tmp_path / "one.png")
    assert not has_colour(tmp_path / "one.png", style.VERMILION)


@pytest.mark.parametrize("n", [50, 4000])
def test_regression_scatter_draws_few_and_many(tmp_path, n, has_colour):
    true = np.linspace(0, 1, n)
    figures.regression_scatter(true, true**2, tmp_path / "scatter.png", "redshift")
    assert has_colour(tmp_path / "scatter.png", style.VERMILION)
    assert (tmp_path / "scatter.png").stat().st_size < style.MOST_BYTES


def test_answer_errors_grow_with_the_answers(tmp_path, pixels):
    for n in (3, 30):
        figures.answer_errors([f"answer {i}" for i in range(n)], [0.1] * n, [0.2] * n, tmp_path / f"{n}.png")
    assert pixels(tmp_path / "30.png").shape[0] > 2 * pixels(tmp_path / "3.png").shape[0]


def test_probe_bars_leave_a_gap_where_an_encoder_has_no_value(tmp_path, has_colour):
    full = {"linear/accuracy": 0.9, "regression/r2": -0.2}
    figures.probe_bars({"trained": full, "pixels": {"linear/accuracy": 0.5}}, tmp_path / "bars.png")
    figures.probe_bars({"trained": full, "pixels": {}}, tmp_path / "gap.png")
    assert has_colour(tmp_path / "bars.png", style.VERMILION)
    assert not has_colour(tmp_path / "gap.png", style.VERMILION)


def test_contact_sheet_enlarges_pixels_whole_and_keeps_their_colours(tmp_path, pixels):
    image = np.zeros((8, 8, 3), np.uint8)
    image[3, 5] = (200, 40, 40)
    figures.contact_sheet([[image, image]], ["row"], ["left", "right"], tmp_path / "sheet.png")
    match = (pixels(tmp_path / "sheet.png") == [200, 40, 40]).all(axis=2)
    columns = np.flatnonzero(match.any(axis=0))
    assert columns.size % 2 == 0
    side = columns.size // 2
    assert side > 8
    assert match.sum() == 2 * side * side


def test_a_sheet_of_noise_is_small_enough_and_still_colourful(tmp_path, pixels):
    noise = np.random.default_rng(0).integers(0, 60, (3, 4, 96, 96, 3), dtype=np.uint8)
    noise[..., 0] += 150
    figures.contact_sheet([list(row) for row in noise], ["", "", ""], [], tmp_path / "noise.png")
    assert (tmp_path / "noise.png").stat().st_size < 2 * style.MOST_BYTES
    image = pixels(tmp_path / "noise.png")[200:300, 200:300]
    assert image[..., 0].mean() > image[..., 1].mean() + 100
