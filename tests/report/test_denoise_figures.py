"""Every panel in its place, a galaxy a row."""

import numpy as np
import pytest
from PIL import Image

from selfsup.report.denoise_figures import before_after, restoration, sample_sheet

RED, GREEN, BLUE = (200, 40, 40), (40, 200, 40), (40, 40, 200)


def flat(colour, count=2):
    return np.tile(np.array(colour, np.uint8), (count, 12, 12, 1))


def spans(path, colour):
    """Rows and columns of the pixels that have this colour: first and last of each run."""
    with Image.open(path) as image:
        match = (np.asarray(image.convert("RGB")) == colour).all(axis=2)
    return [runs(match.any(axis=axis)) for axis in (1, 0)]


def runs(there):
    edges = np.flatnonzero(np.diff(np.pad(there.astype(int), 1)))
    return [(int(start), int(end) - 1) for start, end in edges.reshape(-1, 2) if end - start > 20]


def test_a_sample_is_clean_noisy_and_mask_twice(tmp_path):
    mask = np.ones((2, 12, 12), bool)
    mask[:, :6] = False  # the upper half is sky
    out = tmp_path / "figures" / "sample.png"
    sample_sheet([(flat(RED), flat(GREEN), mask), (flat(BLUE), flat(GREEN), mask)], out)
    (red_rows, red), (green_rows, green), (_, blue) = (spans(out, colour) for colour in (RED, GREEN, BLUE))
    assert [len(found) for found in (red, green, blue)] == [1, 2, 1]
    assert red[0][1] < green[0][0] < green[0][1] < blue[0][0] < blue[0][1] < green[1][0]
    black_rows, black = spans(out, (0, 0, 0))
    assert len(black) == 2
    assert green[0][1] < black[0][0] < black[0][1] < blue[0][0]
    assert green[1][1] < black[1][0]
    assert len(red_rows) == len(green_rows) == len(black_rows) == 2, "two galaxies"
    for row, sky in zip(red_rows, black_rows, strict=True):
        assert sky[0] == row[0]
        assert sky[1] - sky[0] == pytest.approx((row[1] - row[0]) / 2, abs=2)


@pytest.mark.parametrize(("count", "rows", "triptychs"), [(1, 1, 1), (2, 1, 2), (3, 2, 2)])
def test_triptychs_are_noisy_denoised_clean(tmp_path, count, rows, triptychs):
    out = tmp_path / "before_after.png"
    before_after(flat(RED, count), flat(GREEN, count), flat(BLUE, count), out)
    (red_rows, red), (_, green), (_, blue) = (spans(out, colour) for colour in (RED, GREEN, BLUE))
    assert len(red_rows) == rows
    assert len(red) == len(green) == len(blue) == triptychs
    for noisy, denoised, clean in zip(red, green, blue, strict=True):
        assert noisy[1] < denoised[0] < denoised[1] < clean[0]


def test_galaxies_of_different_numbers_are_refused(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        before_after(flat(RED, 2), flat(GREEN, 1), flat(BLUE, 2), tmp_path / "before_after.png")


def test_restoration_shows_each_noise_before_and_after(tmp_path):
    one = {"ssim_noisy": 0.5, "ssim_denoised": 0.9, "scatter_noisy": 0.05, "scatter_denoised": 0.01}
    wide, narrow = tmp_path / "wide.png", tmp_path / "narrow.png"
    restoration({"as trained": one, "300e_0.03": one | {"ssim_denoised": 0.7}}, wide)
    restoration({"as trained": one}, narrow)
    with Image.open(wide) as two, Image.open(narrow) as alone:
        assert two.size[0] == alone.size[0]
        assert two.size[1] > alone.size[1]
    dots = [sum(end > start for start, end in spans_of(wide, colour)) for colour in ((213, 94, 0), (0, 114, 178))]
    assert dots == [2, 2]


def spans_of(path, colour):
    """Runs of lines in which this colour is, in the left panel."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    half = pixels[: int(0.8 * len(pixels)), : int(0.55 * pixels.shape[1])]
    there = (half == colour).all(axis=2).any(axis=1)
    edges = np.flatnonzero(np.diff(np.pad(there.astype(int), 1)))
    return edges.reshape(-1, 2).tolist()
