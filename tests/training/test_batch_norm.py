"""BatchNorm over the ranks is BatchNorm of the whole batch: output, gradient, and what evaluation will use."""

import multiprocessing

import pytest
import torch
from timm.layers.norm_act import BatchNormAct2d
from torch import distributed, nn

from selfsup.training.batch_norm import synchronised

SHARES = [slice(0, 5), slice(5, 7)]
"""Ranks may hold unequally many."""


def made(name):
    torch.manual_seed(0)
    layer = {"2d": nn.BatchNorm2d(3), "act": BatchNormAct2d(3, act_layer=nn.Tanh, inplace=False)}[name]
    nn.init.normal_(layer.weight)
    return nn.Sequential(layer.double())


def passed(module, images):
    """Output, gradient of a weighted sum at the images, and the state after it."""
    images.requires_grad_(True)
    out = module(images)
    (out * torch.arange(images[0].numel()).view_as(images[0])).sum().backward()
    return [out.detach(), images.grad, *module.state_dict().values()]


def images():
    return torch.randn(7, 3, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 3 + 2


def rank(number, port, name, answers):
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=number, world_size=2)
    module = made(name)
    with synchronised(module, 2, torch.device("cpu")):
        found = passed(module, images()[SHARES[number]])
    answers.put((number, [value.numpy() for value in found]))
    distributed.destroy_process_group()


@pytest.mark.promise("ranks")
@pytest.mark.parametrize("name", ["2d", "act"])
def test_two_ranks_are_one_batch(name, free_port):
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    port = free_port()
    ranks = [fork.Process(target=rank, args=(number, port, name, answers)) for number in range(2)]
    for process in ranks:
        process.start()
    found = dict(answers.get(timeout=60) for _ in ranks)
    for process in ranks:
        process.join()
    whole = [value.numpy() for value in passed(made(name), images())]
    for number, share in enumerate(SHARES):
        expected = [value[share] if place < 2 else value for place, value in enumerate(whole)]
        assert all(a == pytest.approx(b, rel=1e-9, abs=1e-9) for a, b in zip(found[number], expected, strict=True))


def test_modules_are_what_they_were_afterwards():
    module = made("act")
    before, layer, keys = dict(module[0].__dict__), module[0], list(module.state_dict())
    with synchronised(module, 2, torch.device("cpu")):
        assert module[0] is layer
        assert type(layer).__name__ == "RankBatchNormAct"
        assert list(module.state_dict()) == keys
    assert type(layer) is BatchNormAct2d
    assert layer.__dict__ == before


def test_one_rank_changes_nothing():
    module = made("2d")
    with synchronised(module, 1, torch.device("cpu")):
        assert type(module[0]) is nn.BatchNorm2d
