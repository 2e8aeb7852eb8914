"""Schedules and parameter groups against what the papers write."""

import math

import pytest
import torch
from torch import nn

from selfsup.config import build
from selfsup.encoders.convnet import ConvNet
from selfsup.encoders.vit import ViT
from selfsup.tasks.pretrain import assemble
from selfsup.training.loop import fit
from selfsup.training.optim import (
    best_precision,
    freeze,
    fuse,
    layer_scales,
    lr_share,
    parameter_groups,
    warmup_cosine,
)
from selfsup.types import ConfigError


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


def test_layers_learn_slower_the_nearer_they_are_to_the_image():
    encoder = ViT("test_vit", 3, 32, 8, False, 0.0)  # 6 blocks, hence L = 7
    head = nn.Linear(encoder.dim, 3)
    scales = layer_scales(encoder.by_depth(), 0.5)
    expected = {"cls_token": 0.5**7, "pos_embed": 0.5**7, "patch_embed.proj.weight": 0.5**7}
    expected |= {f"blocks.{i}.mlp.fc1.bias": 0.5 ** (6 - i) for i in range(6)}
    named = dict(encoder.net.named_parameters())
    assert {name: scales[named[name]] for name in expected} == expected
    groups = parameter_groups(nn.ModuleList([encoder, head]), scales)
    found = {id(p): (group["lr_scale"], group.get("weight_decay")) for group in groups for p in group["params"]}
    assert len(found) == sum(len(group["params"]) for group in groups) == len(list(encoder.parameters())) + 2
    assert [group["lr_scale"] for group in groups[::2]] == [0.5**i for i in range(8)]
    assert (found[id(head.weight)], found[id(head.bias)]) == ((1.0, None), (1.0, 0.0))
    assert found[id(named["norm.weight"])] == (1.0, 0.0)  # as in MAE: what is behind the blocks is with the head
    assert found[id(named["blocks.5.mlp.fc1.weight"])] == (0.5, None)


def test_what_is_frozen_is_frozen():
    encoder = ConvNet("test_resnet", 3, 32, "auto", False, 0.1).train()
    held = freeze(encoder, encoder.by_depth(), 2)
    assert {p.requires_grad for p in encoder.net.conv1.parameters()} == {False}
    assert {p.requires_grad for p in encoder.net.layer1.parameters()} == {False}
    assert {p.requires_grad for p in encoder.net.layer2.parameters()} == {True}
    assert not any(module.training for part in (encoder.net.bn1, encoder.net.layer1) for module in part.modules())
    assert all(module.training for module in encoder.net.layer2.modules())
    assert all(not module.training for module in held)
    assert len(parameter_groups(encoder)[0]["params"]) < len([p for p in encoder.parameters() if p.ndim > 1])


def test_all_blocks_are_the_whole_encoder():
    encoder = ViT("test_vit", 3, 32, 8, False, 0.0)
    freeze(encoder, encoder.by_depth(), 7)
    assert not any(p.requires_grad for p in encoder.parameters())
    assert not any(module.training for module in encoder.modules())
    with pytest.raises(ConfigError, match=r"trainer.frozen_blocks: 8, but the encoder has 7"):
        freeze(encoder, encoder.by_depth(), 8)


@pytest.mark.parametrize("wrong", ["layer_decay=0.0", "layer_decay=1.5", "frozen_blocks=-1"])
def test_shares_and_numbers_that_cannot_be(wrong, compose):
    with pytest.raises(ConfigError, match=wrong.split("=")[0]):
        build(compose(f"trainer.{wrong}").trainer, "trainer")


def test_a_training_moves_the_blocks_as_it_is_told(tiny, compose, tmp_path):
    choices = ["objective=supervised", "trainer.frozen_blocks=2", "trainer.layer_decay=0.5", "trainer.max_epochs=1"]
    steady = ["trainer.warmup_share=0.0", "trainer.final_lr_share=1.0", "optimizer.lr=0.01"]
    parts = assemble(compose(*tiny, *choices, *steady), tmp_path)
    net = parts.objective.encoder.net
    before = {name: value.clone() for name, value in net.state_dict().items()}
    fit(parts.learner, parts.data, {}, parts.loggers, tmp_path)
    still = {name for name, value in net.state_dict().items() if torch.equal(value, before[name])}
    frozen = {name for name in before if name.startswith(("conv1", "bn1", "layer1"))}
    assert "bn1.running_mean" in frozen
    assert still == frozen
    parts.learner.train()
    assert [net.bn1.training, net.layer1.training, net.layer2.training] == [False, False, True]
    [optimizer] = parts.learner.trainer.optimizers
    rates = [group["lr"] for group in optimizer.param_groups[::2]]
    assert rates == pytest.approx([0.01 * 0.5**i for i in range(4)])  # head, layer4, layer3, layer2
    assert parts.learner.trainer.callback_metrics["train/lr"] == pytest.approx(0.01)


@pytest.mark.parametrize("make", [torch.optim.AdamW, torch.optim.SGD])
def test_a_fused_optimizer_makes_the_same_steps(make):
    start = torch.randn(5, 3, generator=torch.manual_seed(0))
    ends = []
    for prepare in (fuse, lambda optimizer: optimizer):
        weight = nn.Parameter(start.clone())
        optimizer = prepare(make([{"params": [weight]}], lr=0.1, weight_decay=0.1))
        for _ in range(3):
            weight.grad = weight.detach().cos()
            optimizer.step()
        ends.append(weight.detach())
    torch.testing.assert_close(*ends)
    assert not torch.equal(ends[0], start)


def test_only_optimizers_that_leave_the_choice_are_fused():
    weights = [nn.Parameter(torch.zeros(2))]
    chosen = [fuse(make).param_groups[0].get("fused") for make in (
        torch.optim.AdamW(weights), torch.optim.AdamW(weights, fused=False), torch.optim.AdamW(weights, foreach=True),
        torch.optim.RMSprop(weights),
    )]  # fmt: skip
    assert chosen == [True, False, None, None]
    assert not hasattr(fuse(torch.optim.AdamW(weights)), "_step_supports_amp_scaling")  # Lightning would not clip


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
