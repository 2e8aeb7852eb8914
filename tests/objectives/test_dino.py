import copy
import math

import pytest
import torch
from torch import nn

from selfsup.encoders.base import Encoder
from selfsup.objectives.dino import DINO
from selfsup.types import ConfigError

BATCH = {"id": ["a", "b", "c"], "image": torch.empty(0)}
K = 11
NUMBERS = {
    "hidden_dim": 9,
    "bottleneck_dim": 4,
    "output_dim": K,
    "norm_last_layer": False,
    "freeze_last_layer_share": 0.2,
    "student_temperature": 0.1,
    "teacher_temperature_start": 0.0625,
    "teacher_temperature": 0.125,
    "warmup_share": 0.5,
    "center_momentum": 0.9,
    "momentum_start": 0.8,
    "weight_decay_growth": 10.0,
}


class Tiny(Encoder):
    """One convolution, optionally BatchNorm and dropout, and the mean."""

    def __init__(self, norm=False, dropout=0.0):
        super().__init__(3, 0.5, 0.25)
        self.dim = 6
        layers = [nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6) if norm else nn.Identity(), nn.Tanh()]
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout))
        self.sizes = []

    def feature_map(self, image):
        self.sizes.append(tuple(image.shape))
        return self.layers(self.normalize(image))

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.feature_map(image).mean(dim=(2, 3))


def build(norm=False, dropout=0.0, **changes):
    torch.manual_seed(0)
    return DINO(Tiny(norm, dropout), **NUMBERS | changes)


def make_views(local=2, dtype=torch.float32, seed=1):
    random = torch.Generator().manual_seed(seed)
    return {
        "global": [torch.rand(3, 3, 8, 8, generator=random, dtype=dtype) for _ in range(2)],
        "local": [torch.rand(3, 3, 4, 4, generator=random, dtype=dtype) for _ in range(local)],
    }


def different(objective):
    """The same objective, with a teacher unlike the student and a centre that is not zero."""
    torch.manual_seed(7)
    with torch.no_grad():
        for part in (objective.teacher_encoder, objective.teacher_head):
            for parameter in part.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        objective.criterion.center.copy_(0.3 * torch.randn(1, 1, K))
    return objective


def snapshot(module):
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def slow_head(head, embedding):
    """Appendix C of the paper, galaxy by galaxy."""
    rows = []
    for row in head.layers(embedding):
        point = row / row.norm()
        rows.append(
            torch.stack([g * (point @ (v / v.norm())) for g, v in zip(head.length, head.direction, strict=True)])
        )
    return torch.stack(rows)


def slow_dino(student, teacher, centre, student_temperature, teacher_temperature):
    """Equation 3 of the paper over the pairs of different views, one galaxy and one prototype at a time."""
    terms = []
    for t, teacher_view in enumerate(teacher):
        for s, student_view in enumerate(student):
            if s == t:
                continue
            for says, predicts in zip(teacher_view, student_view, strict=True):
                p = ((says - centre) / teacher_temperature).exp()
                q = (predicts / student_temperature).exp()
                terms.append(-sum(a / p.sum() * torch.log(b / q.sum()) for a, b in zip(p, q, strict=True)))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("local", [0, 2])
def test_value_gradient_and_centre_equal_the_slow_loss(local):
    objective, views = different(build().double()), make_views(local, torch.float64)
    centre = objective.criterion.center.clone().flatten()
    total = objective(views, BATCH, 0.25).total
    with torch.no_grad():
        teacher = [slow_head(objective.teacher_head, objective.teacher_encoder(v)) for v in views["global"]]
    student = [slow_head(objective.head, objective.encoder(v)) for v in views["global"] + views["local"]]
    slow = slow_dino(student, teacher, centre, 0.1, 0.09375)  # half of the warm-up from 0.0625 to 0.125
    torch.testing.assert_close(total, slow, rtol=1e-11, atol=1e-12)
    parameters = [*objective.encoder.parameters(), *objective.head.parameters()]
    for quick, by_hand in zip(
        torch.autograd.grad(total, parameters), torch.autograd.grad(slow, parameters), strict=True
    ):
        torch.testing.assert_close(quick, by_hand, rtol=1e-8, atol=1e-12)
    moved = 0.9 * centre + 0.1 * torch.cat(teacher).mean(dim=0)
    torch.testing.assert_close(objective.criterion.center.flatten(), moved, rtol=1e-12, atol=1e-12)


def test_views_of_equal_size_share_one_pass():
    objective = build()
    objective(make_views(local=5), BATCH, 0.0)
    assert objective.encoder.sizes == [(6, 3, 8, 8), (15, 3, 4, 4)]
    assert objective.teacher_encoder.sizes == [(6, 3, 8, 8)]


@pytest.mark.parametrize(("progress", "momentum"), [(0.25, 1 - 0.2 * (1 + math.sqrt(0.5)) / 2), (0.5, 0.9), (1.0, 1.0)])
def test_teacher_follows_the_closed_form(progress, momentum):
    objective = different(build(norm=True).double())
    before = snapshot(objective)
    objective.after_step(progress)
    after = snapshot(objective)
    for name, _ in objective.encoder.named_parameters():
        student, teacher = before[f"encoder.{name}"], before[f"teacher_encoder.{name}"]
        torch.testing.assert_close(after[f"teacher_encoder.{name}"], momentum * teacher + (1 - momentum) * student)
        assert torch.equal(after[f"encoder.{name}"], student)
    for name, _ in objective.head.named_parameters():
        expected = momentum * before[f"teacher_head.{name}"] + (1 - momentum) * before[f"head.{name}"]
        torch.testing.assert_close(after[f"teacher_head.{name}"], expected)


def test_last_layer_is_frozen_against_gradient_and_weight_decay_then_moves():
    objective = build()
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.01, weight_decay=0.5)
    start, states = snapshot(objective), []
    for step, progress in enumerate((0.0, 0.1, 0.2)):
        optimizer.zero_grad()
        objective(make_views(seed=step), BATCH, progress).total.backward()
        frozen = progress < 0.2
        assert (objective.head.direction.grad.abs().sum() == 0) == frozen
        optimizer.step()
        objective.after_step(progress)
        states.append(snapshot(objective))
    for name in ("direction", "length"):
        for part in ("head", "teacher_head"):
            assert torch.equal(states[1][f"{part}.{name}"], start[f"{part}.{name}"])
            assert not torch.equal(states[2][f"{part}.{name}"], start[f"{part}.{name}"])
    assert not torch.equal(states[0]["head.layers.0.weight"], start["head.layers.0.weight"])


def test_prototypes_keep_length_one_when_asked():
    objective = build(norm_last_layer=True)
    objective(make_views(), BATCH, 0.5).total.backward()
    assert objective.head.length.grad is None
    assert objective.head.direction.grad.abs().sum() > 0


def test_teacher_has_no_gradient_and_is_what_is_published():
    objective = build()
    objective(make_views(), BATCH, 0.5).total.backward()
    teacher = [*objective.teacher_encoder.parameters(), *objective.teacher_head.parameters()]
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in teacher)
    assert all(parameter.grad is not None for parameter in objective.encoder.parameters())
    assert objective.online_encoder() is objective.teacher_encoder


def test_teacher_normalises_like_training_without_dropout_even_after_a_probe_switched_it():
    objective = build(norm=True, dropout=0.9)
    objective.train()
    objective.online_encoder().eval()
    objective.online_encoder().train()
    views = make_views()
    objective(views, BATCH, 0.0)
    convolution, norm, _, dropout = objective.teacher_encoder.layers
    assert norm.training
    assert not dropout.training
    seen = convolution(objective.encoder.normalize(torch.cat(views["global"])))
    torch.testing.assert_close(norm.running_mean, 0.1 * seen.mean(dim=(0, 2, 3)))  # global crops alone, momentum 0.1


def test_evaluation_leaves_no_trace():
    objective = different(build(norm=True)).eval()
    before = snapshot(objective)
    objective(make_views(), BATCH, 0.5)
    torch.testing.assert_close(snapshot(objective), before, rtol=0, atol=0)


def test_state_restores_centre_and_teacher():
    objective = different(build(norm=True))
    objective(make_views(), BATCH, 0.5)
    saved = copy.deepcopy(objective.state_dict())
    torch.manual_seed(3)
    other = DINO(Tiny(norm=True), **NUMBERS)
    other.load_state_dict(saved)
    assert other.criterion.center.norm() > 0
    expected, found = (o(make_views(seed=2), BATCH, 0.6).total for o in (objective, other))
    assert torch.equal(expected, found)
    torch.testing.assert_close(snapshot(other), snapshot(objective), rtol=0, atol=0)


def test_uniform_collapse_rests_at_ln_k_and_is_logged():
    objective = build().double()
    with torch.no_grad():
        objective.head.length.zero_()
        objective.teacher_head.length.zero_()
    loss = objective(make_views(dtype=torch.float64), BATCH, 0.5)
    assert loss.total.item() == pytest.approx(math.log(K), rel=1e-15)
    assert loss.log["loss_minus_chance"].item() == pytest.approx(0.0, abs=1e-14)
    assert loss.log["teacher_entropy"].item() == pytest.approx(1.0)
    assert loss.log["kl_to_uniform"].item() == pytest.approx(0.0, abs=1e-14)
    assert loss.log["center_norm"].item() == 0


def test_collapse_onto_one_prototype_is_logged():
    objective = build().double()
    with torch.no_grad():
        objective.criterion.center[..., 3] = -100.0
    log = objective(make_views(dtype=torch.float64), BATCH, 0.5).log
    assert log["teacher_entropy"].item() == pytest.approx(0.0, abs=1e-12)
    assert log["kl_to_uniform"].item() == pytest.approx(1.0)
    assert log["center_norm"].item() == pytest.approx(90.0, rel=0.01)


def test_loss_is_float32_and_finite_in_half_precision():
    objective = build(norm=True, batch_norm=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = objective(make_views(), BATCH, 0.0)
    assert loss.total.dtype == objective.criterion.center.dtype == torch.float32
    assert all(torch.isfinite(value) for value in [loss.total, *loss.log.values()])
    loss.total.backward()
    assert objective.encoder.layers[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize(("progress", "scale"), [(0.0, 1.0), (0.5, 5.5), (1.0, 10.0)])
def test_weight_decay_grows_along_a_cosine(progress, scale):
    assert build().weight_decay_scale(progress) == pytest.approx(scale)


@pytest.mark.parametrize(("progress", "temperature"), [(0.0, 0.0625), (0.25, 0.09375), (0.5, 0.125), (1.0, 0.125)])
def test_teacher_temperature_warms_up(progress, temperature):
    assert build()._teacher_temperature(progress) == pytest.approx(temperature)
    assert build(warmup_share=0.0)._teacher_temperature(progress) == 0.125


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("student_temperature", 0.0),
        ("teacher_temperature", -0.1),
        ("teacher_temperature_start", 0.0),
        ("freeze_last_layer_share", 1.5),
        ("center_momentum", -1),
        ("momentum_start", 1.1),
        ("output_dim", 1),
        ("hidden_dim", 0),
    ],
)
def test_impossible_numbers_are_refused_by_key(key, value):
    with pytest.raises(ConfigError, match=rf"objective\.{key}: {value} "):
        build(**{key: value})
