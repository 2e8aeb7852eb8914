import math

import pytest
import torch
from torch import nn

from selfsup.encoders.base import Encoder
from selfsup.objectives.ntxent import NTXent, _health
from selfsup.types import ConfigError

BATCH = {"id": ["a", "b", "c", "d"], "image": torch.empty(0)}


class Pooled(Encoder):
    """A linear map of the mean pixel."""

    def __init__(self, dim=6):
        super().__init__(3, 0.5, 0.25)
        self.dim = dim
        self.linear = nn.Linear(3, dim)

    def feature_map(self, image):
        return self.linear(self.normalize(image).movedim(1, -1)).movedim(-1, 1)

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.feature_map(image).mean(dim=(2, 3))


@pytest.fixture
def views():
    random = torch.Generator().manual_seed(1)
    return {"global": [torch.rand(4, 3, 5, 5, generator=random) for _ in range(2)]}


def build(temperature=0.2, batch_norm=True, **changes):
    torch.manual_seed(0)
    return NTXent(
        Pooled(), **{"temperature": temperature, "hidden_dim": 8, "output_dim": 5} | changes, batch_norm=batch_norm
    )


def slow_ntxent(first, second, temperature):
    """Equation 1 of the paper, one anchor and one candidate at a time."""
    points = [*first, *second]
    count, terms = len(first), []
    for i, anchor in enumerate(points):
        scores = [(anchor @ other) / (anchor.norm() * other.norm()) / temperature for other in points]
        partner = (i + count) % (2 * count)
        below = sum(score.exp() for k, score in enumerate(scores) if k != i)
        terms.append(-torch.log(scores[partner].exp() / below))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_value_and_gradient_equal_the_slow_loss(views, temperature, batch_norm):
    objective = build(temperature, batch_norm).double()
    views = {"global": [view.double() for view in views["global"]]}
    total = objective(views, BATCH, 0.0).total
    first, second = objective.projector(objective.encoder(torch.cat(views["global"]))).chunk(2)
    slow = slow_ntxent(first, second, temperature)
    torch.testing.assert_close(total, slow, rtol=1e-12, atol=1e-12)
    parameters = list(objective.parameters())
    for quick, by_hand in zip(
        torch.autograd.grad(total, parameters), torch.autograd.grad(slow, parameters), strict=True
    ):
        torch.testing.assert_close(quick, by_hand, rtol=1e-9, atol=1e-12)


def test_collapse_gives_the_logarithm_of_the_candidates():
    """All projections equal: every one of the 2 B - 1 candidates is as likely."""
    objective = build(batch_norm=False)
    nn.init.zeros_(objective.projector.layers[-1].weight)
    nn.init.ones_(objective.projector.layers[-1].bias)
    loss = objective({"global": [torch.rand(4, 3, 5, 5) for _ in range(2)]}, BATCH, 0.0)
    assert loss.total.item() == pytest.approx(math.log(7))
    assert loss.log["alignment"].item() == pytest.approx(1.0)
    assert loss.log["uniformity"].item() == pytest.approx(0.0, abs=1e-5)


def test_health_by_hand():
    first = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    second = torch.tensor([[2.0, 0.0], [-3.0, -1.0]])
    health = _health(first, second)
    near, far = -1 / math.sqrt(10), -3 / math.sqrt(10)
    assert health["alignment"].item() == pytest.approx((1 + near) / 2)
    others = [0.0, far, 0.0, far]  # both views of the first galaxy with both of the second
    assert health["uniformity"].item() == pytest.approx(math.log(sum(math.exp(4 * c - 4) for c in others) / 4))
    assert health["top1"].item() == pytest.approx(
        0.75
    )  # the second galaxy's first view lies nearer to the first galaxy


def test_loss_is_float32_and_finite_in_half_precision(views):
    objective = build(temperature=0.01)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = objective(views, BATCH, 0.0)
    assert loss.total.dtype == torch.float32
    assert all(torch.isfinite(value) for value in [loss.total, *loss.log.values()])
    loss.total.backward()
    assert objective.encoder.linear.weight.grad.abs().sum() > 0


def test_hidden_layer_is_as_wide_as_the_embedding_unless_told(views):
    assert build(hidden_dim=None).projector.layers[0].out_features == 6
    assert build(hidden_dim=8).projector.layers[0].out_features == 8


@pytest.mark.parametrize(
    ("key", "value"), [("temperature", 0.0), ("temperature", -0.1), ("hidden_dim", 0), ("output_dim", 0)]
)
def test_impossible_numbers_are_refused_by_key(key, value):
    with pytest.raises(ConfigError, match=rf"objective\.{key}: {value}"):
        build(**{key: value})
