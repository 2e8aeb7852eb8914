import math

import pytest
import torch
from torch import nn

from selfsup.objectives.byol import BYOL
from selfsup.types import ConfigError

BATCH = {"id": [], "image": torch.empty(0)}
NUMBERS = {"hidden_dim": 8, "output_dim": 5, "predictor_dim": 7, "momentum_start": 0.8}


def build(encoder, **changes):
    return BYOL(encoder, **NUMBERS | changes).double()


def target_of(objective):
    return [*objective.target_encoder.parameters(), *objective.target_projector.parameters()]


def different(objective):
    """The same, with a target unlike the online network."""
    torch.manual_seed(7)
    with torch.no_grad():
        for parameter in target_of(objective):
            parameter.add_(0.3 * torch.randn_like(parameter))
    return objective


def snapshot(module):
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def slow_byol(predicted, target):
    """Equation 2 of the paper, one galaxy and one direction at a time."""
    galaxies = len(predicted) // 2
    terms = []
    for i, (p, z) in enumerate(zip(predicted, [*target[galaxies:], *target[:galaxies]], strict=True)):
        difference = p / p.pow(2).sum().sqrt() - z / z.pow(2).sum().sqrt()
        terms.append(difference.pow(2).sum())
        assert 0 <= terms[i] <= 4
    return sum(terms) / galaxies


def test_value_and_gradient_equal_the_slow_loss(make_encoder, make_views, agree):
    objective, views = different(build(make_encoder())), make_views()
    total = objective(views, BATCH, 0.0).total
    images = torch.cat(views["global"])
    predicted = objective.predictor(objective.projector(objective.encoder(images)))
    with torch.no_grad():
        target = objective.target_projector(objective.target_encoder(images))
    online = [p for p in objective.parameters() if p.requires_grad]
    agree(total, slow_byol(predicted, target), online)


def test_no_gradient_reaches_the_target_even_where_it_asks_for_one(make_encoder, make_views):
    objective = different(build(make_encoder()))
    assert not any(parameter.requires_grad for parameter in target_of(objective))
    asking = [parameter.requires_grad_(True) for parameter in target_of(objective)]
    total = objective(make_views(), BATCH, 0.0).total
    assert all(gradient is None for gradient in torch.autograd.grad(total, asking, allow_unused=True))


@pytest.mark.parametrize(("progress", "momentum"), [(0.0, 0.8), (0.25, 1 - 0.2 * (1 + math.sqrt(0.5)) / 2), (1.0, 1.0)])
def test_target_follows_the_closed_form(make_encoder, progress, momentum):
    objective = different(build(make_encoder()))
    before = snapshot(objective)
    objective.after_step(progress)
    after = snapshot(objective)
    for part in ("encoder", "projector"):
        for name, _ in getattr(objective, part).named_parameters():
            online, target = before[f"{part}.{name}"], before[f"target_{part}.{name}"]
            torch.testing.assert_close(after[f"target_{part}.{name}"], momentum * target + (1 - momentum) * online)
            assert torch.equal(after[f"{part}.{name}"], online)


def test_the_online_encoder_is_published(make_encoder):
    objective = build(make_encoder())
    assert objective.online_encoder() is objective.encoder


def test_target_normalises_by_batch_without_dropout(make_encoder, make_views):
    objective, views = build(make_encoder(dropout=0.9)), make_views()
    objective(views, BATCH, 0.0)
    convolution, norm, _, dropout = objective.target_encoder.layers
    assert norm.training
    assert not dropout.training
    seen = convolution(objective.encoder.normalize(torch.cat(views["global"])))
    torch.testing.assert_close(norm.running_mean, 0.1 * seen.mean(dim=(0, 2, 3)))


def test_evaluation_leaves_no_trace(make_encoder, make_views):
    objective = different(build(make_encoder())).eval()
    before = snapshot(objective)
    objective(make_views(), BATCH, 0.5)
    torch.testing.assert_close(snapshot(objective), before, rtol=0, atol=0)


def test_collapse_costs_nothing_and_is_logged(make_encoder, make_views):
    objective = build(make_encoder())
    for head in (objective.projector, objective.predictor, objective.target_projector):
        nn.init.zeros_(head.layers[-1].weight)
        nn.init.ones_(head.layers[-1].bias)
    loss = objective(make_views(), BATCH, 0.0)
    assert loss.total.item() == pytest.approx(0.0, abs=1e-12)
    assert loss.log["alignment"].item() == pytest.approx(1.0)
    assert loss.log["uniformity"].item() == pytest.approx(0.0, abs=1e-12)
    assert loss.log["deviation"].item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("key", "value"), [("hidden_dim", 0), ("output_dim", -1), ("predictor_dim", 0), ("momentum_start", 1.5)]
)
def test_impossible_numbers_are_refused_by_key(make_encoder, key, value):
    with pytest.raises(ConfigError, match=rf"objective\.{key}: {value} "):
        build(make_encoder(), **{key: value})
