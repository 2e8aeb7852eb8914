"""Passes of dropout: what drops, what does not, and that a pass is one network whoever asks it."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from selfsup.dropout import Passes, head_of, posterior, tree_of
from selfsup.encoders.base import Encoder
from selfsup.objectives.base import Objective
from selfsup.objectives.dirichlet import Dirichlet
from selfsup.types import ConfigError

T = 6


class Normed(Encoder):
    """With BatchNorm and, where asked for, a dropout layer of its own."""

    dim = 12

    def __init__(self, share=0.0):
        super().__init__(1, 0.5, 0.25)
        self.layers = nn.Sequential(nn.Conv2d(1, 12, 3), nn.BatchNorm2d(12), nn.ReLU(), nn.Dropout(share))

    def feature_map(self, image):
        return self.layers(self.normalize(image))

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.feature_map(image).mean((2, 3))


def make(dropout=0.5, inside=0.0, tree="rings", seed=0):
    torch.manual_seed(seed)
    return Dirichlet(Normed(inside), tree, dropout, alpha_max=100.0).eval()


def batches(size, count=20):
    images = torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return [
        {"id": [str(i) for i in range(at, at + size)], "image": images[at : at + size]} for at in range(0, count, size)
    ]


@pytest.mark.parametrize("inside", [0.0, 0.3], ids=["head", "head and encoder"])
def test_passes_are_networks_that_differ(inside):
    found = posterior([make(inside=inside)], batches(20), T, seed=0).alphas
    assert found.shape == (T, 20, 2)
    for one in range(T):
        for other in range(one):
            assert not np.allclose(found[one], found[other])


@pytest.mark.parametrize("inside", [0.0, 0.3], ids=["head", "head and encoder"])
def test_the_seed_alone_decides(inside):
    objective = make(inside=inside)
    found = posterior([objective], batches(20), T, seed=0).alphas
    assert np.array_equal(found, posterior([objective], batches(20), T, seed=0).alphas)
    assert not np.allclose(found, posterior([objective], batches(20), T, seed=1).alphas)
    np.testing.assert_allclose(found, posterior([objective], batches(3), T, seed=0).alphas[:, :20], rtol=1e-5)
    np.testing.assert_allclose(found[:2], posterior([objective], batches(20), 2, seed=0).alphas, rtol=1e-5)
    torch.rand(10)  # nobody's business
    np.testing.assert_allclose(found[:, ::-1], posterior([objective], reverse(batches(20)), T, 0).alphas, rtol=1e-5)


def reverse(loader):
    return [{"id": batch["id"][::-1], "image": batch["image"].flip(0)} for batch in reversed(loader)]


def test_a_pass_is_the_head_on_what_its_mask_leaves():
    objective = make()
    with torch.no_grad():
        embedding = objective.encoder(batches(20)[0]["image"])
        with Passes(objective, T, (0, 0)) as passes:
            alpha = passes.concentrations(batches(20)[0]["image"])
            [mask] = passes._masks.values()
        for t in range(T):
            kept = mask[t, 0]
            assert set(kept.tolist()) <= {0.0, 2.0}  # 1 / (1 - 0.5): the mean stays
            torch.testing.assert_close(alpha[t], 100 * torch.sigmoid(objective.head(embedding * kept)) + 1)


def test_the_share_that_drops_is_the_layer_s():
    objective = make(dropout=0.2)
    objective.encoder.dim = 2000
    objective.head = nn.Linear(2000, 2)
    objective.encoder.forward = lambda image: torch.ones(len(image), 2000)
    with Passes(objective, 10, (0,)) as passes, torch.no_grad():
        passes.concentrations(torch.zeros(1, 1, 8, 8))
        [mask] = passes._masks.values()
    assert (mask == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert mask.mean().item() == pytest.approx(1.0, abs=0.02)


def test_without_dropout_it_is_the_published_network():
    objective = make(inside=0.3)
    found = posterior([objective], batches(20), 0, seed=0)
    assert found.models == 1
    with torch.no_grad():
        alpha = objective.concentrations(batches(20)[0]["image"])
    np.testing.assert_array_equal(found.alphas[0], alpha.numpy())


def test_the_mean_of_many_passes_is_near_the_network_without():
    objective = make(dropout=0.1)
    steady = posterior([objective], batches(20), 0, seed=0).mean()
    many = posterior([objective], batches(20), 400, seed=0).mean()
    np.testing.assert_allclose(many, steady, atol=0.02)


def test_nothing_is_left_behind_even_after_an_error():
    objective = make(inside=0.3).train()
    objective.encoder.layers[1].eval()
    modes = {name: part.training for name, part in objective.named_modules()}
    state = {name: value.clone() for name, value in objective.state_dict().items()}
    posterior([objective], batches(5), T, seed=0)
    with pytest.raises(ZeroDivisionError), Passes(objective, T, (0,)):
        _ = 1 / any(part.training for part in objective.modules())  # none is
    assert {name: part.training for name, part in objective.named_modules()} == modes
    assert all(torch.equal(value, state[name]) for name, value in objective.state_dict().items())
    assert not any(part._forward_hooks for part in objective.modules())


def test_several_networks_one_after_the_other():
    one, other = make(seed=0), make(seed=1)
    both = posterior([one, other], batches(20), T, seed=0).alphas
    assert both.shape == (2 * T, 20, 2)
    assert np.array_equal(both[:T], posterior([one], batches(20), T, seed=0).alphas)
    steady = posterior([one, other], batches(20), 0, seed=0).alphas
    assert np.array_equal(steady[1:], posterior([other], batches(20), 0, seed=0).alphas)


def test_bytes_are_the_same_images():
    loader = batches(20)
    pixels = (loader[0]["image"] * 255).byte()
    found = posterior([make()], [{"id": loader[0]["id"], "image": pixels}], T, seed=0).alphas
    same = posterior([make()], [{"id": loader[0]["id"], "image": pixels.float() / 255}], T, seed=0).alphas
    assert np.array_equal(found, same)


def test_no_galaxies():
    assert posterior([make()], [], T, seed=0).alphas.shape == (T, 0, 2)


class Around(Objective):
    """An objective of which the votes are a part, that shares its encoder."""

    views: ClassVar = {}

    def __init__(self, part):
        super().__init__(part.encoder)
        self.other = nn.Dropout(0.9)
        self.part = part

    def forward(self, views, batch, progress):
        raise NotImplementedError


def test_a_head_that_is_a_part_is_found():
    part = make(inside=0.3)
    assert head_of(Around(part)) is part
    alone = posterior([part], batches(20), T, seed=0).alphas
    assert np.array_equal(posterior([Around(part)], batches(20), T, seed=0).alphas, alone)


def test_refuses_what_predicts_no_votes_and_what_does_not_drop():
    class Other(Around):
        def __init__(self):
            Objective.__init__(self, Normed())

    with pytest.raises(ConfigError, match=r"write 'task.checkpoints=\[RUN1,RUN2\]'"):
        posterior([], batches(20), T, seed=0)
    with pytest.raises(ConfigError, match="Other predicts no votes"):
        tree_of([make(), Other()])
    with pytest.raises(ConfigError, match="of the trees rings, gz2"):
        tree_of([make(), make(tree="gz2")])
    with pytest.raises(ConfigError, match=r"no dropout .* write task.passes=0"):
        posterior([make(dropout=0.0)], batches(20), T, seed=0)
    with pytest.raises(ConfigError, match=r"task\.passes = -1"):
        posterior([make()], batches(20), -1, seed=0)
