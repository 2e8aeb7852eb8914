import math

import pytest
import torch

from selfsup.sky import texture


def noise_of(*seeds, ridges=2, fields=2):
    return texture.white(seeds, ridges, fields, "cpu")


def test_sheared_noise_has_unit_variance_and_no_mean():
    field = texture.sheared(noise_of(1, 2), torch.tensor([3.0, -6.0]))
    assert field.shape == (2, 2, texture.RADII, texture.ANGLES)
    torch.testing.assert_close(field.mean((2, 3)), torch.zeros(2, 2), atol=1e-4, rtol=0)
    torch.testing.assert_close(field.square().mean((2, 3)), torch.ones(2, 2), atol=1e-4, rtol=0)


@pytest.mark.parametrize("cot", [-4.0, 2.5, 5.0])
def test_patches_lie_along_the_spiral(cot):
    field = texture.sheared(noise_of(*range(8)), torch.full((8,), cot))
    spectrum = torch.fft.rfft(field)
    crossed = torch.fft.irfft((spectrum[:, :, 3:].conj().resolve_conj() * spectrum[:, :, :-3]).conj().sum((0, 1, 2)))
    shift = torch.fft.fftfreq(texture.ANGLES)[crossed.argmax()] * 2 * math.pi
    assert shift == pytest.approx(3 * cot * texture.LOG_STEP, abs=3 * math.pi / texture.ANGLES)


def test_noise_of_a_disc_depends_on_its_seed_alone():
    alone, among = noise_of(5), noise_of(4, 5, ridges=6, fields=3)
    for name in ("numbers", "mottle"):
        assert torch.equal(getattr(alone, name)[0], getattr(among, name)[1])
    assert torch.equal(alone.along[0], among.along[1, :2])
    assert torch.equal(alone.modes[0], among.modes[1, :2])
    assert not torch.equal(among.mottle[0], among.mottle[1])


def test_noise_along_arms_is_smooth_and_of_unit_variance():
    rough = texture.white(range(200), 8, 1, "cpu").along
    smooth = texture.along_arms(rough, 0.35)
    assert smooth.square().mean() == pytest.approx(1, abs=0.05)
    steps = round(0.35 / texture.LOG_STEP)
    assert (smooth[..., steps:] * smooth[..., :-steps]).mean() == pytest.approx(math.exp(-0.5), abs=0.07)


def test_mottle_is_coarser_the_more_it_is_smoothed():
    noise = noise_of(*range(6))
    fine, coarse = (texture.mottle(noise, torch.full((6,), cells)) for cells in (1.0, 4.0))
    rows = slice(60, 85)  # from 1 to 5 scale lengths
    roughness = [field[:, rows].diff(dim=2).square().mean() / field[:, rows].var() for field in (fine, coarse)]
    assert roughness[0] > 4 * roughness[1]
    assert fine[:, rows].var() == pytest.approx(1, abs=0.25)
