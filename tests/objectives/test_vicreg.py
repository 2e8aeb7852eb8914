import pytest
import torch
from torch import nn

from selfsup.objectives.vicreg import VICReg
from selfsup.types import ConfigError

BATCH = {"id": [], "image": torch.empty(0)}
NUMBERS = {
    "hidden_dim": 8,
    "output_dim": 4,
    "invariance_weight": 25.0,
    "variance_weight": 20.0,
    "covariance_weight": 3.0,
}


def build(encoder, **changes):
    return VICReg(encoder, **NUMBERS | changes).double()


def slow_vicreg(first, second):
    """The authors' form of equations 1 to 6, one coordinate and one pair of coordinates at a time."""
    galaxies, width = first.shape
    total = 25.0 * sum((a - b).pow(2).sum() for a, b in zip(first, second, strict=True)) / (galaxies * width)
    for points in (first, second):
        centred = [column - column.sum() / galaxies for column in points.T]
        for j, one in enumerate(centred):
            deviation = ((one @ one) / (galaxies - 1) + 1e-4).sqrt()
            total = total + 20.0 / 2 * (1 - deviation).clamp(min=0) / width
            for k, other in enumerate(centred):
                total = total + (3.0 * ((one @ other) / (galaxies - 1)).pow(2) / width if j != k else 0)
    return total


def test_value_and_gradient_equal_the_slow_loss(make_encoder, make_views, agree):
    objective, views = build(make_encoder()), make_views()
    total = objective(views, BATCH, 0.0).total
    first, second = objective.expander(objective.encoder(torch.cat(views["global"]))).chunk(2)
    agree(total, slow_vicreg(first, second), list(objective.parameters()))


def test_collapse_costs_the_whole_variance_term(make_encoder, make_views):
    objective = build(make_encoder())
    nn.init.zeros_(objective.expander.layers[-1].weight)
    loss = objective(make_views(), BATCH, 0.0)
    assert loss.total.item() == pytest.approx(20.0 * (1 - 1e-4**0.5))
    assert loss.log["uniformity"].item() == pytest.approx(0.0, abs=1e-12)


def test_one_galaxy_is_refused(make_encoder, make_views):
    views = {"global": [view[:1] for view in make_views()["global"]]}
    with pytest.raises(ConfigError, match=r"trainer\.batch_size"):
        build(make_encoder())(views, BATCH, 0.0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_dim", 0),
        ("output_dim", 1),
        ("invariance_weight", -1.0),
        ("variance_weight", -0.5),
        ("covariance_weight", -2.0),
    ],
)
def test_impossible_numbers_are_refused_by_key(make_encoder, key, value):
    with pytest.raises(ConfigError, match=rf"objective\.{key}: {value} "):
        build(make_encoder(), **{key: value})
