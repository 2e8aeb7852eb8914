"""What the tests of several objectives share: a tiny encoder, and trainings by gloo ranks beside one process."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from selfsup.encoders.base import Encoder

SCRIPT = Path(__file__).with_name("gloo_ranks.py")


class Pooled(Encoder):
    """A convolution, BatchNorm, dropout and the mean."""

    def __init__(self, dropout):
        super().__init__(3, 0.5, 0.25)
        self.dim = 6
        layers = [nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Tanh(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)

    def feature_map(self, image):
        return self.layers(self.normalize(image))

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.feature_map(image).mean(dim=(2, 3))


@pytest.fixture
def make_encoder():
    """Share of dropout -> a tiny encoder, the same each time."""

    def make(dropout=0.0):
        torch.manual_seed(0)
        return Pooled(dropout)

    return make


@pytest.fixture
def make_views():
    """Seed -> two views of five galaxies in float64, and further ones, smaller."""

    def make(seed=1, local=0, dtype=torch.float64):
        random = torch.Generator().manual_seed(seed)
        galaxies = torch.rand(5, 3, 1, 1, generator=random, dtype=torch.float64)

        def view(px):
            noise = torch.rand(5, 3, px, px, generator=random, dtype=torch.float64)
            return ((2 * galaxies + noise) / 3).to(dtype)

        return {"global": [view(8), view(8)]} | ({"local": [view(4) for _ in range(local)]} if local else {})

    return make


@pytest.fixture
def agree():
    """Asserts that two scalars and their gradients are the same, and that the gradients are there."""

    def check(quick, slow, parameters, rtol=1e-9):
        torch.testing.assert_close(quick, slow, rtol=rtol, atol=0)
        pairs = [torch.autograd.grad(total, parameters, retain_graph=True) for total in (quick, slow)]
        assert max(gradient.abs().max() for gradient in pairs[0]) > 1e-6
        for one, other in zip(*pairs, strict=True):
            torch.testing.assert_close(one, other, rtol=100 * rtol, atol=rtol)

    return check


@pytest.fixture
def ranks_train_like_one(tmp_path):
    """Name of an objective -> asserts that 2 and 3 ranks with different galaxies do what one process does with all.

    Returns the report of the one process.
    """

    def check(name):
        subprocess.run([sys.executable, SCRIPT, name, tmp_path, "2", "3"], check=True, timeout=240)
        alone = torch.load(tmp_path / "alone.pt", weights_only=True)
        for count in (2, 3):
            files = [tmp_path / str(count) / f"{rank}.pt" for rank in range(count)]
            compare([torch.load(file, weights_only=True) for file in files], alone)
        return alone

    return check


def compare(ranks, alone):
    assert len({rank["saw"] for rank in ranks}) == len(ranks), "ranks saw the same galaxies"
    for step, whole in enumerate(alone["losses"]):
        mean = sum(rank["losses"][step] for rank in ranks) / len(ranks)
        assert mean == pytest.approx(whole, rel=1e-10), step
    assert any(gradient.abs().max() > 1e-6 for gradient in alone["gradient"].values())
    for rank in ranks:
        torch.testing.assert_close(rank["gradient"], alone["gradient"], rtol=1e-8, atol=1e-12)
        torch.testing.assert_close(rank["state"], alone["state"], rtol=1e-8, atol=1e-11)
        torch.testing.assert_close(rank["state"], ranks[0]["state"], rtol=0, atol=0)
