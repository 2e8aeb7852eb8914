"""The blur against closed forms: flux, width, shape and place of a star."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from selfsup.sky import optics
from selfsup.sky.grid import Grid
from selfsup.sky.spheroids import add_points
from selfsup.sky.survey import Survey

SURVEYS = Path(__file__).parents[2] / "conf" / "survey"


def survey(name="sdss"):
    return Survey.from_config(yaml.safe_load((SURVEYS / f"{name}.yaml").read_text()))


def star(pixel, fwhm, name="sdss", *, size=64, ellipticity=0.0, angle=0.0, shift=(0.0, 0.0), x=0.0, y=0.0):
    grid = Grid(torch.tensor([pixel]), size)
    image = torch.zeros(1, 3, grid.edge, grid.edge)
    add_points(image, torch.tensor([0]), torch.tensor([x]), torch.tensor([y]), torch.ones(1, 3), grid)
    shifts = torch.tensor(shift).expand(1, 3, 2)
    blurred = optics.blur_and_sample(
        image, grid, survey(name), torch.full((1, 3), fwhm), torch.tensor([ellipticity]), torch.tensor([angle]), shifts
    )
    return blurred[0, 1]


def moments(image, pixel):
    axis = (torch.arange(len(image)) - (len(image) - 1) / 2) * pixel
    total = image.sum()
    x, y = (image.sum(0) * axis).sum() / total, (image.sum(1) * axis).sum() / total
    return float(x), float(y)


def full_width(image, pixel, finer=32):
    """Of the row through the peak, interpolated by its Fourier series."""
    half = len(image) // 2
    spectrum = np.fft.fftshift(np.fft.fft2(image.double().numpy()))
    padded = np.pad(spectrum, half * (finer - 1))
    fine = np.fft.ifft2(np.fft.ifftshift(padded)).real
    row = fine[np.unravel_index(fine.argmax(), fine.shape)[0]]
    return (row > row.max() / 2).sum() * pixel / finer


@pytest.mark.parametrize("beta", [2.5, 3.5])
def test_transfer(beta):
    """1 at zero frequency, and the Hankel transform of the profile elsewhere."""
    assert float(optics.moffat_transfer(torch.zeros(()), beta)) == 1
    a = float(optics.moffat_scale(torch.tensor(1.0), beta))
    assert (1 + (0.5 / a) ** 2) ** -beta == pytest.approx(0.5, rel=1e-5)
    r = torch.arange(5e-4, 200, 1e-3, dtype=torch.float64)
    profile = (beta - 1) / (math.pi * a * a) * (1 + (r / a) ** 2) ** -beta
    for k in (0.2, 0.6):
        numeric = float((2 * math.pi * r * profile * torch.special.bessel_j0(2 * math.pi * k * r)).sum() * 1e-3)
        assert float(optics.moffat_transfer(torch.tensor(2 * math.pi * k * a), beta)) == pytest.approx(
            numeric, abs=1e-3
        )


@pytest.mark.parametrize(("name", "pixel", "fwhm"), [("sdss", 0.396, 1.32), ("sdss", 0.2, 1.3), ("hst", 0.05, 0.2)])
def test_flux_is_conserved(name, pixel, fwhm):
    """A frame of (n p)^2 sees its flux per native pixel, which is smaller than a pixel of the picture by (p0 / p)^2."""
    native = survey(name).pixel_arcsec
    assert float(star(pixel, fwhm, name).sum()) * (pixel / native) ** 2 == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(("pixel", "fwhm"), [(0.396, 1.32), (0.3, 1.3), (0.25, 1.1)])
def test_full_width(pixel, fwhm):
    """That of the Moffat profile, the native pixel and the smoothing in quadrature, were they Gaussian."""
    smoothing = pixel * max(0.45, math.sqrt(max(0.0, 1.05**2 - (fwhm / (2.3548 * pixel)) ** 2)))
    expected = math.sqrt(fwhm**2 + 2.3548**2 * (survey().pixel_arcsec ** 2 / 12 + smoothing**2))
    assert full_width(star(pixel, fwhm, size=48), pixel) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(("name", "pixel", "fwhm"), [("sdss", 3.0, 1.3), ("sdss", 0.4, 1.3), ("hst", 0.1, 0.09)])
@pytest.mark.parametrize("place", [0.0, 0.1, 0.25, 0.5])
def test_no_rings(name, pixel, fwhm, place):
    image = star(pixel, fwhm, name, x=place * pixel, y=-0.37 * place * pixel)
    assert float(image.min()) > -1e-3 * float(image.max())


def test_a_star_on_a_pixel_is_symmetric():
    image = star(0.4, 1.3, x=0.2, y=0.2)
    row, column = divmod(int(image.argmax()), 64)
    assert (row, column) == (32, 32)
    torch.testing.assert_close(image[32, 27:32], image[32, 33:38].flip(0), rtol=1e-3, atol=1e-6)


def test_shift_moves_along_x_and_y():
    x, y = moments(star(0.4, 1.3, shift=(0.7, -1.1)), 0.4)
    assert (x, y) == pytest.approx((0.7, -1.1), abs=0.02)


def test_ellipticity_stretches_along_its_angle():
    image = star(0.4, 1.3, ellipticity=0.2, angle=math.pi / 2)
    axis = (torch.arange(64) - 31.5) * 0.4
    near = axis.abs() < 4
    image, axis = image[near][:, near], axis[near]
    along_x, along_y = (image.sum(0) * axis**2).sum(), (image.sum(1) * axis**2).sum()
    assert along_y > 1.1 * along_x


def test_bands_and_stamps_do_not_mix():
    grid = Grid(torch.tensor([0.4, 0.7]), 32)
    image = torch.rand(2, 3, grid.edge, grid.edge, generator=torch.Generator().manual_seed(0))
    fwhm = torch.tensor([[1.0, 1.2, 1.4], [1.1, 1.3, 1.5]])
    e, angle, shift = torch.tensor([0.02, 0.05]), torch.tensor([0.3, 1.0]), 0.05 * torch.arange(12.0).reshape(2, 3, 2)
    both = optics.blur_and_sample(image, grid, survey(), fwhm, e, angle, shift)
    for k in range(2):
        one = slice(k, k + 1)
        alone = optics.blur_and_sample(
            image[one], grid.of(torch.tensor([k])), survey(), fwhm[one], e[one], angle[one], shift[one]
        )
        torch.testing.assert_close(both[k], alone[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(both[0, 0].mean() * 1.0, image[0, 0].mean() * 0.396**2, rtol=0.05, atol=0)


def test_galsim_agrees():
    galsim = pytest.importorskip("galsim")
    profile = galsim.Convolve(
        galsim.Moffat(beta=3.5, fwhm=1.3), galsim.Pixel(0.396), galsim.Gaussian(sigma=0.45 * 0.396)
    )
    theirs = profile.drawImage(nx=64, ny=64, scale=0.396, method="no_pixel").array
    ours = star(0.396, 1.3).numpy()
    assert abs(ours - theirs).max() < 0.02 * theirs.max()
