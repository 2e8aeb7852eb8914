import math

import pytest
import torch

from selfsup.objectives.sphere import sphere_health


def test_by_hand():
    first = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    second = torch.tensor([[2.0, 0.0], [-3.0, -1.0]])
    health = sphere_health(first, second)
    near, far = -1 / math.sqrt(10), -3 / math.sqrt(10)
    assert health["alignment"].item() == pytest.approx((1 + near) / 2)
    others = [0.0, far, 0.0, far]  # both views of the first galaxy with both of the second
    assert health["uniformity"].item() == pytest.approx(math.log(sum(math.exp(4 * c - 4) for c in others) / 4))
    columns = torch.tensor([[1.0, 0.0, 1.0, far], [0.0, 1.0, 0.0, near]])
    assert health["deviation"].item() == pytest.approx(columns.std(dim=1).mean().item() * math.sqrt(2))


def test_collapsed():
    points = torch.ones(4, 7)
    health = sphere_health(points, 3 * points)
    assert health["alignment"].item() == pytest.approx(1.0)
    assert health["uniformity"].item() == pytest.approx(0.0, abs=1e-6)
    assert health["deviation"].item() == pytest.approx(0.0, abs=1e-6)


def test_spread_over_the_sphere_whatever_the_width():
    for width in (8, 128):
        first, second = torch.randn(2, 200, width, generator=torch.Generator().manual_seed(0))
        health = sphere_health(first, second)
        assert health["deviation"].item() == pytest.approx(1.0, abs=0.02)
        assert health["alignment"].item() == pytest.approx(0.0, abs=0.1)


def test_keeps_no_graph():
    points = torch.randn(3, 4, requires_grad=True)
    assert not any(value.requires_grad for value in sphere_health(points, points).values())
