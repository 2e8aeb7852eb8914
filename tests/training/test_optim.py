"""Schedules and parameter groups against what the papers write."""

import math

import pytest
import torch
from torch import nn

from selfsup.training.optim import best_precision, lr_share, parameter_groups, warmup_cosine


def test_vectors_do_not_decay():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    module[3].weight.requires_grad_(False)
    matrices, vectors = parameter_groups(module)
    assert [p is module[0].weight for p in matrices["params"]] == [True]
    assert "weight_decay" not in matrices  # the optimizer's own
    assert vectors["weight_decay"] == 0
    assert {id(p) for p in vectors["params"]} == {
        id(p) for p in (module[0].bias, module[1].weight, module[1].bias, module[3].bias)
    }


def test_every_trainable_parameter_is_in_one_group():
    module = nn.TransformerEncoderLayer(8, 2, 16)
    grouped = [id(p) for group in parameter_groups(module) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in module.parameters())


def test_a_module_without_vectors_is_one_group():
    assert len(parameter_groups(nn.Linear(2, 2, bias=False))) == 1


def test_half_cosine_without_warm_up():
    for progress in (0.0, 0.25, 0.5, 0.9, 1.0):
        expected = 0.2 + 0.8 * (1 + math.cos(math.pi * progress)) / 2
        assert lr_share(progress, 0.0, 0.2) == pytest.approx(expected)
    assert lr_share(1.3, 0.0, 0.2) == pytest.approx(0.2)  # never below the end


@pytest.mark.parametrize(("steps", "warmup_share"), [(100, 0.1), (7, 0.05), (1, 0.5), (1, 0.0), (1000, 0.5)])
def test_rates_stay_between_zero_and_the_peak(steps, warmup_share):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = warmup_cosine(optimizer, steps, warmup_share, 0.0)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert all(0 < rate <= 0.5 for rate in rates)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-12)


def test_precision_is_one_that_the_processor_has():
    assert best_precision("cpu") in ("bf16-mixed", "32-true")
