import math

import pytest
import torch
from torch import nn

from selfsup.objectives.lejepa import LeJEPA
from selfsup.types import ConfigError

BATCH = {"id": [], "image": torch.empty(0)}
DIRECTIONS, KNOTS, T_MAX = 6, 5, 3.0
NUMBERS = {
    "hidden_dim": 8,
    "output_dim": 4,
    "sigreg_weight": 0.3,
    "directions": DIRECTIONS,
    "knots": KNOTS,
    "t_max": T_MAX,
}


def build(encoder, **changes):
    return LeJEPA(encoder, **NUMBERS | changes).double()


def slow_sigreg(view, axes):
    """Epps-Pulley of one view (B, D) along axes (S, D): B times the integral of |c(t) - phi(t)|^2 phi(t)."""
    frequencies = [-T_MAX + k * T_MAX / (KNOTS - 1) for k in range(2 * KNOTS - 1)]
    statistics = []
    for axis in axes:
        heights = []
        for t in frequencies:
            phi = math.exp(-(t**2) / 2)
            empirical = sum(torch.exp(1j * t * (point @ axis)) for point in view) / len(view)
            heights.append((empirical - phi).abs().pow(2) * phi)
        statistics.append(len(view) * torch.trapezoid(torch.stack(heights), dx=T_MAX / (KNOTS - 1)))
    return sum(statistics) / len(statistics)


def slow_lejepa(points, step, global_views=2):
    """(V, B, D), number of the step -> (), after the paper's algorithms."""
    drawn = torch.randn(points.shape[-1], DIRECTIONS, generator=torch.Generator().manual_seed(step), dtype=points.dtype)
    axes = (drawn / drawn.pow(2).sum(dim=0).sqrt()).T
    sigreg = sum(slow_sigreg(view, axes) for view in points) / len(points)
    centre = sum(points[:global_views]) / global_views
    prediction = sum((view - centre).pow(2).mean() for view in points) / len(points)
    return 0.3 * sigreg + 0.7 * prediction


@pytest.mark.parametrize("local", [0, 3])
def test_value_and_gradient_equal_the_slow_loss(make_encoder, make_views, agree, local):
    objective, views = build(make_encoder()), make_views(local=local)
    parameters = list(objective.parameters())
    for step in (1, 2):
        total = objective(views, BATCH, 0.0).total
        embedded = [objective.encoder(torch.cat(images)) for images in views.values()]
        points = objective.projector(torch.cat(embedded)).unflatten(0, (2 + local, -1))
        agree(total, slow_lejepa(points, step), parameters, rtol=1e-5)  # lightly's frequencies are float32


def test_directions_depend_on_the_step_alone(make_encoder, make_views):
    sequences = []
    for seed in (1, 2):
        objective = build(make_encoder())
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        sequences.append([objective(make_views(), BATCH, 0.0).log["sigreg"].item() for _ in range(3)])
        assert torch.equal(torch.get_rng_state(), before), "the caller's random numbers were disturbed"
    assert sequences[0] == sequences[1]
    assert len(set(sequences[0])) == 3


def test_the_number_of_the_step_is_in_the_state(make_encoder, make_views):
    objective, resumed = build(make_encoder()), build(make_encoder())
    for _ in range(4):
        objective(make_views(), BATCH, 0.0)
    resumed.load_state_dict(objective.state_dict())
    assert torch.equal(*(one(make_views(), BATCH, 0.0).total for one in (objective, resumed)))


def test_evaluation_leaves_no_trace(make_encoder, make_views):
    objective = build(make_encoder()).eval()
    before = {name: tensor.clone() for name, tensor in objective.state_dict().items()}
    first, second = (objective(make_views(), BATCH, 0.0).total for _ in range(2))
    assert torch.equal(first, second)
    torch.testing.assert_close(objective.state_dict(), before, rtol=0, atol=0)


def test_collapse_costs_the_closed_form_and_a_gaussian_little(make_encoder, make_views):
    objective = build(make_encoder(), knots=200)
    nn.init.zeros_(objective.projector.layers[-1].weight)
    nn.init.zeros_(objective.projector.layers[-1].bias)
    log = objective(make_views(), BATCH, 0.0).log
    assert log["prediction"].item() == 0
    t = torch.linspace(-T_MAX, T_MAX, 10001, dtype=torch.float64)
    phi = torch.exp(-(t**2) / 2)
    assert log["sigreg"].item() == pytest.approx(5 * torch.trapezoid((1 - phi) ** 2 * phi, t).item(), rel=1e-4)
    gaussian = torch.randn(1, 500, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    line = torch.tensor([1.0, 0.0, 0.0, 0.0])
    for squeezed in (0 * gaussian, 0.5 * gaussian, line * gaussian):
        assert objective._sigreg(gaussian) < 0.5 * objective._sigreg(squeezed)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_dim", 0),
        ("output_dim", 0),
        ("sigreg_weight", 1.5),
        ("directions", 0),
        ("knots", 1),
        ("t_max", 0.0),
    ],
)
def test_impossible_numbers_are_refused_by_key(make_encoder, key, value):
    with pytest.raises(ConfigError, match=rf"objective\.{key}: {value} "):
        build(make_encoder(), **{key: value})
