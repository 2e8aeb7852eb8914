import pytest
import torch

from selfsup.objectives.barlow_twins import BarlowTwins
from selfsup.types import ConfigError

BATCH = {"id": [], "image": torch.empty(0)}
NUMBERS = {"hidden_dim": 8, "output_dim": 4, "redundancy_weight": 0.1}


def build(encoder, **changes):
    return BarlowTwins(encoder, **NUMBERS | changes).double()


def slow_barlow_twins(first, second, redundancy_weight):
    """Equations 1 and 2 of the paper, one pair of coordinates at a time; 1e-5 is BatchNorm's floor of a variance."""
    galaxies = len(first)
    columns = []
    for points in (first, second):
        centred = [column - column.sum() / galaxies for column in points.T]
        columns.append([column / ((column @ column) / galaxies + 1e-5).sqrt() for column in centred])
    total = 0
    for i, one in enumerate(columns[0]):
        for j, other in enumerate(columns[1]):
            correlation = (one @ other) / galaxies
            total = total + ((1 - correlation) ** 2 if i == j else redundancy_weight * correlation**2)
    return total


def test_value_and_gradient_equal_the_slow_loss(make_encoder, make_views, agree):
    objective, views = build(make_encoder()), make_views()
    total = objective(views, BATCH, 0.0).total
    first, second = objective.projector(objective.encoder(torch.cat(views["global"]))).chunk(2)
    agree(total, slow_barlow_twins(first, second, 0.1), list(objective.parameters()))


def test_equal_views_leave_the_redundancy_alone(make_encoder, make_views):
    view = make_views()["global"][0]
    losses = []
    for weight in (0.0, 0.1, 0.2):
        objective = build(make_encoder(), redundancy_weight=weight)
        torch.manual_seed(3)
        for parameter in objective.projector.parameters():
            torch.nn.init.normal_(parameter)
        losses.append(objective({"global": [view, view]}, BATCH, 0.0).total.item())
    assert losses[0] == pytest.approx(0.0, abs=1e-3)
    assert losses[2] - losses[0] == pytest.approx(2 * (losses[1] - losses[0]))
    assert losses[1] > 0.01


def test_one_galaxy_is_refused(make_encoder, make_views):
    views = {"global": [view[:1] for view in make_views()["global"]]}
    with pytest.raises(ConfigError, match=r"trainer\.batch_size"):
        build(make_encoder())(views, BATCH, 0.0)


@pytest.mark.parametrize(("key", "value"), [("hidden_dim", 0), ("output_dim", 1), ("redundancy_weight", -0.1)])
def test_impossible_numbers_are_refused_by_key(make_encoder, key, value):
    with pytest.raises(ConfigError, match=rf"objective\.{key}: {value} "):
        build(make_encoder(), **{key: value})
