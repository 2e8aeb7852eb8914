import math

import pytest
import torch
from torch.nn import functional as F

from selfsup.objectives.moco import MoCo
from selfsup.types import ConfigError

BATCH = {"id": [], "image": torch.empty(0)}
NUMBERS = {"temperature": 0.2, "queue_size": 12, "momentum": 0.8, "hidden_dim": 8, "output_dim": 4}


def build(encoder, **changes):
    return MoCo(encoder, **NUMBERS | changes).double()


def queue_of(objective):
    return objective.criterion.memory_bank.bank.clone()


def keys_of(objective):
    return [*objective.key_encoder.parameters(), *objective.key_projector.parameters()]


def different(objective):
    """The same, with a key network unlike the query network."""
    torch.manual_seed(7)
    with torch.no_grad():
        for tensor in (*keys_of(objective), objective.key_encoder.layers[1].running_mean):
            tensor.add_(0.3 * torch.randn_like(tensor))
    return objective


def snapshot(module):
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def keys(objective, images):
    """The keys of these images, each alone."""
    with torch.no_grad():
        each = [objective.key_projector(objective.key_encoder(image[None])) for image in images]
    return F.normalize(torch.cat(each), dim=1)


def slow_moco(query, key, queue, temperature):
    """Equation 1 of the paper, one query and one negative at a time."""
    terms = []
    for q, k in zip(query, key, strict=True):
        length = (q @ q).sqrt()
        right = torch.exp(q @ k / length / temperature)
        wrong = sum(torch.exp(q @ other / length / temperature) for other in queue)
        terms.append(-torch.log(right / (right + wrong)))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("temperature", [0.07, 0.2])
def test_value_and_gradient_equal_the_slow_loss(make_encoder, make_views, agree, temperature):
    objective, views = different(build(make_encoder(), temperature=temperature)), make_views()
    queue = queue_of(objective)
    total = objective(views, BATCH, 0.0).total
    query = objective.projector(objective.encoder(views["global"][0]))
    slow = slow_moco(query, keys(objective, views["global"][1]), queue, temperature)
    agree(total, slow, [p for p in objective.parameters() if p.requires_grad])


def test_the_queue_takes_new_keys_and_drops_the_oldest(make_encoder, make_views):
    objective = different(build(make_encoder(), queue_size=10))
    expected = queue_of(objective)
    for step in range(3):
        views = make_views(seed=step)
        objective(views, BATCH, 0.0)
        start = 5 * (step % 2)
        expected[start : start + 5] = keys(objective, views["global"][1])
        torch.testing.assert_close(queue_of(objective), expected)


def test_a_key_does_not_know_its_batch(make_encoder, make_views):
    """Else a query would find it by the batch they share; the paper shuffles the batch among GPUs against that."""
    whole, part = different(build(make_encoder())), different(build(make_encoder()))
    part.load_state_dict(whole.state_dict())
    views = make_views()
    whole(views, BATCH, 0.0)
    part({"global": [view[:2] for view in views["global"]]}, BATCH, 0.0)
    torch.testing.assert_close(queue_of(whole)[:2], queue_of(part)[:2])


def test_no_gradient_reaches_the_keys_even_where_they_ask_for_one(make_encoder, make_views):
    objective = different(build(make_encoder()))
    assert not any(parameter.requires_grad for parameter in keys_of(objective))
    asking = [parameter.requires_grad_(True) for parameter in keys_of(objective)]
    total = objective(make_views(), BATCH, 0.0).total
    assert all(gradient is None for gradient in torch.autograd.grad(total, asking, allow_unused=True))


def test_key_network_follows_the_closed_form_with_its_statistics(make_encoder, make_views):
    objective = different(build(make_encoder()))
    for step in range(60):
        objective(make_views(seed=step), BATCH, 0.0)
        before = snapshot(objective)
        objective.after_step(0.5)
        after = snapshot(objective)
        for name in before:
            if f"key_{name}" not in before or not before[name].is_floating_point():
                continue
            faster = name.endswith(("running_mean", "running_var"))
            momentum = min(0.8, (1 + step) / (10 + step)) if faster else 0.8
            expected = momentum * before[f"key_{name}"] + (1 - momentum) * before[name]
            torch.testing.assert_close(after[f"key_{name}"], expected, msg=f"{name} at step {step}")
            assert torch.equal(after[name], before[name])
    norm, key_norm = objective.encoder.layers[1], objective.key_encoder.layers[1]
    torch.testing.assert_close(key_norm.running_var, norm.running_var, rtol=0.2, atol=0.0)


def test_the_query_encoder_is_published(make_encoder):
    objective = build(make_encoder())
    assert objective.online_encoder() is objective.encoder


def test_state_restores_queue_and_key_network(make_encoder, make_views):
    objective = different(build(make_encoder()))
    for step in range(2):
        objective(make_views(seed=step), BATCH, 0.0)
        objective.after_step(0.0)
    torch.manual_seed(3)
    other = build(make_encoder())
    assert not torch.equal(queue_of(other), queue_of(objective))
    other.load_state_dict(objective.state_dict())
    assert torch.equal(queue_of(other), queue_of(objective))
    assert torch.equal(*(one(make_views(seed=2), BATCH, 0.0).total for one in (objective, other)))
    for one in (objective, other):
        one.after_step(0.0)
    assert torch.equal(queue_of(other), queue_of(objective))
    torch.testing.assert_close(snapshot(other), snapshot(objective), rtol=0, atol=0)


def test_evaluation_leaves_no_trace(make_encoder, make_views):
    objective = different(build(make_encoder())).eval()
    before = snapshot(objective)
    assert objective(make_views(), BATCH, 0.5).total.isfinite()
    torch.testing.assert_close(snapshot(objective), before, rtol=0, atol=0)


def test_queries_like_all_negatives_cost_the_logarithm_of_the_candidates(make_encoder, make_views):
    objective = build(make_encoder(), queue_size=16)
    for head in (objective.projector, objective.key_projector):
        torch.nn.init.zeros_(head.layers[-1].weight)
        torch.nn.init.ones_(head.layers[-1].bias)
    objective.criterion.memory_bank.bank.fill_(0.5)
    loss = objective(make_views(), BATCH, 0.0)
    assert loss.total.item() == pytest.approx(math.log(17))
    assert loss.log["deviation"].item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", 0.0),
        ("temperature", -0.1),
        ("queue_size", 0),
        ("momentum", 1.1),
        ("hidden_dim", 0),
        ("output_dim", 0),
    ],
)
def test_impossible_numbers_are_refused_by_key(make_encoder, key, value):
    with pytest.raises(ConfigError, match=rf"objective\.{key}: {value} "):
        build(make_encoder(), **{key: value})


def test_hidden_layer_is_as_wide_as_the_embedding_unless_told(make_encoder):
    assert build(make_encoder(), hidden_dim=None).projector.layers[0].out_features == 6
    assert build(make_encoder(), hidden_dim=9).projector.layers[0].out_features == 9
