import pytest
import torch
from torch import nn

from selfsup.objectives.simsiam import SimSiam
from selfsup.types import ConfigError

BATCH = {"id": [], "image": torch.empty(0)}
NUMBERS = {"hidden_dim": 8, "output_dim": 5, "predictor_dim": 4}


def build(encoder, **changes):
    return SimSiam(encoder, **NUMBERS | changes).double()


def slow_simsiam(objective, views, stop):
    """Equation 4 of the paper plus 1, one galaxy at a time; `stop` is its stop-gradient."""
    projected = objective.projector(objective.encoder(torch.cat(views["global"])))
    predicted = objective.predictor(projected)
    galaxies = len(views["global"][0])
    terms = []
    for i in range(galaxies):
        for p, z in ((predicted[i], projected[galaxies + i]), (predicted[galaxies + i], projected[i])):
            held = z.detach() if stop else z
            terms.append(-(p @ held) / (p @ p).sqrt() / (held @ held).sqrt() / 2)
    return 1 + sum(terms) / galaxies


def test_value_and_gradient_equal_the_slow_loss(make_encoder, make_views, agree):
    objective, views = build(make_encoder()), make_views()
    agree(objective(views, BATCH, 0.0).total, slow_simsiam(objective, views, stop=True), list(objective.parameters()))


def test_what_is_predicted_gets_no_gradient(make_encoder, make_views):
    """With it, the value is the same and the gradient another."""
    objective, views = build(make_encoder()), make_views()
    total, free = objective(views, BATCH, 0.0).total, slow_simsiam(objective, views, stop=False)
    torch.testing.assert_close(total, free)
    weight = objective.projector.layers[0].weight
    [found], [unstopped] = torch.autograd.grad(total, weight), torch.autograd.grad(free, weight)
    assert (found - unstopped).norm() > 0.1 * found.norm()


def test_a_perfect_prediction_costs_nothing(make_encoder, make_views):
    objective, view = build(make_encoder()), make_views()["global"][0]
    objective.predictor = nn.Identity()
    loss = objective({"global": [view, view]}, BATCH, 0.0)
    assert loss.total.item() == pytest.approx(0.0, abs=1e-9)
    assert loss.log["alignment"].item() == pytest.approx(1.0)
    assert 0.1 < loss.log["deviation"].item() < 1.2


def trained(objective):
    """The uniformity that is logged after a short training on 16 galaxies."""
    torch.manual_seed(1)
    galaxies = torch.rand(16, 3, 8, 8, dtype=torch.float64)
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.1, momentum=0.9)
    for _ in range(400):
        views = [galaxies + torch.rand_like(galaxies) for _ in range(2)]
        loss = objective({"global": views}, BATCH, 0.0)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
    return loss.log["uniformity"].item()


def test_without_the_predictor_galaxies_fall_together(make_encoder):
    """The paper's table 1. The projector's BatchNorm hides it from single coordinates; galaxies come near."""
    wide = {"hidden_dim": 16, "output_dim": 8}
    with_it, without = build(make_encoder(), **wide), build(make_encoder(), **wide)
    without.predictor = nn.Identity()
    assert trained(without) > trained(with_it) + 0.5


def test_the_encoder_is_published(make_encoder):
    objective = build(make_encoder())
    assert objective.online_encoder() is objective.encoder


@pytest.mark.parametrize("key", ["hidden_dim", "output_dim", "predictor_dim"])
def test_impossible_widths_are_refused_by_key(make_encoder, key):
    with pytest.raises(ConfigError, match=rf"objective\.{key}: 0 "):
        build(make_encoder(), **{key: 0})
