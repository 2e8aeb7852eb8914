"""Sersic profiles and shells against closed forms, quadratures and, where it is installed, GalSim."""

import math

import numpy as np
import pytest
import torch
from scipy.special import gammainc, gammaincinv

from selfsup.sky import spheroids
from selfsup.sky.galaxy import Shell
from selfsup.sky.grid import Grid


def grid(pixel=0.5, size=64, count=1):
    return Grid(torch.full((count,), pixel), size)


def placed(**changes):
    values = {"x0": 0.0, "y0": 0.0, "r_e_arcsec": 2.0, "n": 1.0, "q": 0.7, "angle": 0.4, "boxiness": 2.0}
    values |= {"gradient": 0.0} | changes
    rows = {key: torch.tensor([value]) for key, value in values.items()}
    return spheroids.PlacedSpheroids(**rows, flux=torch.tensor([[1.0, 2.0, 4.0]]))


def inside_share(n, radius):
    """Of the light of a Sersic profile within this many half-light radii."""
    return gammainc(2 * n, gammaincinv(2 * n, 0.5) * radius ** (1 / n))


def flux_of(image, sky):
    return image.sum((-1, -2)) * sky.step_arcsec[:, None] ** 2


@pytest.mark.parametrize("n", [0.8, 1.0, 2.5, 4.0, 6.5])
@pytest.mark.parametrize("q", [0.3, 0.9])
@pytest.mark.parametrize("place", [0.0, 0.13])
def test_total_flux(n, q, place):
    sky = grid(0.5)
    found = flux_of(spheroids.light(placed(n=n, q=q, r_e_arcsec=1.2, x0=place, y0=-place), sky), sky)
    expected = torch.tensor([1.0, 2.0, 4.0]) * inside_share(n, 10.0 if n > 2 else 6.0)
    torch.testing.assert_close(found[0], expected.float(), rtol=0.01, atol=0)


def test_flux_of_the_unresolved():
    """A galaxy far smaller than a sub-pixel becomes a point with all its light."""
    sky = grid(0.5)
    image = spheroids.light(placed(n=4.0, r_e_arcsec=0.01, x0=0.1, y0=0.2), sky)
    assert flux_of(image, sky)[0, 1] == pytest.approx(2 * inside_share(4, 10), rel=0.01)


@pytest.mark.parametrize("n", [1.0, 4.0])
def test_half_of_the_light_is_within_the_half_light_radius(n):
    sky = grid(0.25, size=128)
    at = placed(n=n, r_e_arcsec=3.0, q=0.6)
    image = spheroids.light(at, sky)[0, 1]
    u, v = sky.offsets(at.x0, at.y0, at.angle)
    inside = (torch.hypot(u, v / 0.6) < 3.0)[0]
    assert float(image[inside].sum() * 0.125**2) == pytest.approx(0.5 * 2.0, rel=0.02)


@pytest.mark.parametrize("c", [1.8, 3.2])
def test_boxiness_keeps_the_flux(c):
    sky = grid(0.25)
    assert flux_of(spheroids.light(placed(boxiness=c, r_e_arcsec=1.0), sky), sky)[0, 1] == pytest.approx(2.0, rel=0.01)


def test_gradient_makes_the_outskirts_blue():
    sky = grid()
    image = spheroids.light(placed(n=3.0, gradient=0.1), sky)[0]
    blue_to_red = image[2] / image[0] / 4
    assert blue_to_red[71, 71] < 0.9
    assert blue_to_red[71, 71 + 20] > 1.05
    flat = spheroids.light(placed(n=3.0), sky)[0]
    torch.testing.assert_close(flat[2], 4 * flat[0])


def test_major_axis_lies_along_its_angle():
    sky = grid()
    image = spheroids.light(placed(angle=0.5, q=0.4), sky)[0, 1]
    x, y = sky.axis[0][None, :], sky.axis[0][:, None]
    xx, yy, xy = ((image * w).sum() for w in (x * x, y * y, x * y))
    assert 0.5 * math.atan2(2 * xy, xx - yy) == pytest.approx(0.5, abs=0.01)


def test_batch_is_its_singles():
    sky = Grid(torch.tensor([0.3, 0.6]), 32)
    columns = {"x0": (0.0, 1.0), "y0": (0.0, -2.0), "r_e_arcsec": (1.0, 3.0), "n": (1.0, 4.0), "q": (0.5, 0.9)}
    columns |= {"angle": (0.0, 1.0), "boxiness": (2.0, 2.0), "gradient": (0.0, 0.1)}
    both = spheroids.PlacedSpheroids(**{k: torch.tensor(v) for k, v in columns.items()}, flux=torch.ones(2, 3))
    together = spheroids.light(both, sky)
    for k in range(2):
        one = {key: torch.tensor([value[k]]) for key, value in columns.items()}
        alone = spheroids.light(spheroids.PlacedSpheroids(**one, flux=torch.ones(1, 3)), sky.of(torch.tensor([k])))
        torch.testing.assert_close(together[k], alone[0], rtol=1e-4, atol=1e-6)


def test_points_keep_flux_and_place():
    sky = grid(0.4, size=32, count=2)
    image = torch.zeros(2, 3, sky.edge, sky.edge)
    x, y = torch.tensor([0.33, 500.0, -1.07]), torch.tensor([-0.71, 0.0, 2.0])
    flux = torch.tensor([[1.0, 2.0, 3.0], [9.0, 9.0, 9.0], [4.0, 5.0, 6.0]])
    spheroids.add_points(image, torch.tensor([0, 0, 1]), x, y, flux, sky)
    torch.testing.assert_close(flux_of(image, sky), flux[[0, 2]])
    for stamp, point in ((0, 0), (1, 2)):
        weights = image[stamp, 1] / image[stamp, 1].sum()
        torch.testing.assert_close((weights.sum(0) * sky.axis[stamp]).sum(), x[point], rtol=0, atol=1e-4)
        torch.testing.assert_close((weights.sum(1) * sky.axis[stamp]).sum(), y[point], rtol=0, atol=1e-4)


SHELLS = ((Shell(0.02, 2.5, 0.25, 1.0, 0.5), Shell(0.04, 4.0, 0.4, 4.0, 0.7)),)


def test_shells_hold_their_light():
    sky = grid(0.4)
    flux = torch.tensor([[1.0, 2.0, 3.0]])
    image = spheroids.shells(placed(r_e_arcsec=1.5), SHELLS, flux, sky)
    torch.testing.assert_close(flux_of(image, sky), flux, rtol=0.01, atol=0)


def test_shell_has_a_sharp_outer_edge_where_it_says():
    sky = grid(0.2)
    image = spheroids.shells(placed(r_e_arcsec=1.5, q=1.0), ((Shell(1.0, 3.0, 0.4, 0.0, 0.5),),), torch.ones(1, 3), sky)
    row = image[0, 1, 71]  # the x axis, along the middle of the shell
    at = {r: float(row[71 + round(r / 0.1)]) for r in (2.0, 4.2, 4.5, 5.1)}
    assert at[4.2] > at[4.5] > 6 * at[5.1]
    assert at[4.2] > 4 * at[2.0] > 0
    assert float(image[0, 1, :, :71].sum()) < 0.01 * float(image.sum() / 3)


def test_shell_map():
    sky = grid(0.4)
    found = spheroids.shell_map(placed(r_e_arcsec=1.5), SHELLS, sky)
    assert found.shape == (1, sky.edge, sky.edge)
    assert 0.9 < float(found.max()) <= 1
    assert 0 < float((found > 0.5).float().mean()) < 0.2


def test_no_shells():
    sky = grid()
    assert not spheroids.shells(placed(), ((),), torch.ones(1, 3), sky).any()
    assert not spheroids.shell_map(placed(), ((),), sky).any()


@pytest.mark.parametrize("n", [1.0, 4.0])
def test_galsim_agrees(n):
    galsim = pytest.importorskip("galsim")
    sky = grid(0.25)
    ours = spheroids.light(placed(n=n, q=0.7, angle=0.4, r_e_arcsec=1.5), sky)[0, 1].numpy() * 0.125**2
    profile = galsim.Sersic(n, half_light_radius=1.5 * math.sqrt(0.7), flux=2.0, trunc=0)
    profile = profile.shear(q=0.7, beta=0.4 * galsim.radians)
    blur = galsim.Gaussian(fwhm=1.0)
    theirs = galsim.Convolve(profile, blur).drawImage(nx=144, ny=144, scale=0.125, offset=(-0.5, -0.5)).array
    k2 = np.fft.fftfreq(144, 0.125)[:, None] ** 2 + np.fft.rfftfreq(144, 0.125)[None] ** 2
    transfer = np.exp(-2 * np.pi**2 * k2 * (1.0 / 2.3548) ** 2)
    transfer *= np.sinc(np.fft.fftfreq(144))[:, None] * np.sinc(np.fft.rfftfreq(144))
    blurred = np.fft.irfft2(np.fft.rfft2(ours) * transfer, s=(144, 144))
    middle = slice(40, 104)
    assert np.abs(blurred - theirs)[middle, middle].max() < 0.02 * theirs.max()
