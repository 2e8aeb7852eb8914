"""Lensed images against what a singular isothermal sphere is known to do."""

import pytest
import torch

from selfsup.sky import lensing
from selfsup.sky.galaxy import Lens
from selfsup.sky.grid import Grid

SKY = Grid(torch.tensor([0.15]), 64)
X, Y = torch.meshgrid(SKY.axis[0], SKY.axis[0], indexing="xy")


def image(source_x=0.0, source_y=0.0, size=0.1, shear=(0.0, 0.0)):
    lens = Lens(2.0, source_x, source_y, size, 4.0, shear)
    return lensing.arcs([lens], torch.tensor([[1.0, 2.0, 3.0]]), SKY)[0]


def test_source_on_the_axis_is_a_ring():
    found = image()
    radius = torch.hypot(X, Y)
    per_turn = found[1] / radius.clamp_min(0.01)
    torch.testing.assert_close(found[1].sum() / per_turn.sum(), torch.tensor(2.0), rtol=0.02, atol=0)
    brightest = radius[found[1] > 0.9 * found[1].max()]
    assert float((brightest - 2.0).abs().max()) < 0.1
    torch.testing.assert_close(found[1], found[1].T, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found[2], 3 * found[0])


def test_source_off_the_axis_has_two_images_on_a_line():
    """At theta = beta +- theta_E."""
    found = image(source_x=0.5, size=0.04)[1]
    along = found[SKY.edge // 2 - 1]
    outer = float(SKY.axis[0][along.argmax()])
    inner = float(SKY.axis[0][torch.where(SKY.axis[0] < 0, along, 0).argmax()])
    assert outer == pytest.approx(3.0, abs=0.1)
    assert inner == pytest.approx(-1.0, abs=0.1)


def test_surface_brightness_is_kept():
    size = 0.1 * 2.0
    assert float(image().max(-1).values.max(-1).values[0]) == pytest.approx(1 / (2 * torch.pi * size**2), rel=0.1)


def test_magnification():
    """A sphere magnifies a small source at beta = u theta_E by 2 / u, for u < 1."""
    found = image(source_x=0.5, size=0.05)
    assert float(found[0].sum() * 0.075**2) == pytest.approx(4.0, rel=0.05)


def test_shear_breaks_the_ring():
    found = image(shear=(0.15, 0.0))[1]
    middle = SKY.edge // 2 - 1
    assert not torch.allclose(found[middle], found[:, middle], rtol=0.1, atol=0.1 * float(found.max()))


def test_batch_is_its_singles():
    lenses = [Lens(1.5, 0.2, 0.1, 0.1, 4.0, (0.05, -0.02)), Lens(3.0, -0.1, 0.3, 0.2, 4.0, (0.0, 0.0))]
    sky, flux = Grid(torch.tensor([0.15, 0.3]), 32), torch.rand(2, 3)
    together = lensing.arcs(lenses, flux, sky)
    for k, lens in enumerate(lenses):
        alone = lensing.arcs([lens], flux[k : k + 1], sky.of(torch.tensor([k])))
        torch.testing.assert_close(together[k], alone[0])
