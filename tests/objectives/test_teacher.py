import pytest
import torch
from torch import nn

from selfsup.objectives.teacher import cosine, follow, follow_statistics, normalise_by_batch, slow_copy


def network(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)).double()


def test_a_slow_copy_is_equal_and_its_own():
    fast = network(0)
    slow = slow_copy(fast)
    torch.testing.assert_close(slow.state_dict(), fast.state_dict(), rtol=0, atol=0)
    assert not any(parameter.requires_grad for parameter in slow.parameters())
    assert all(parameter.requires_grad for parameter in fast.parameters())
    with torch.no_grad():
        fast[0].weight.add_(1)
    assert not torch.equal(slow[0].weight, fast[0].weight)


def test_follows_parameters_and_leaves_statistics():
    slow, fast = slow_copy(network(1)), network(2)
    fast[1].running_mean.fill_(5)
    before = slow[0].weight.clone()
    follow([slow], [fast], 0.75)
    torch.testing.assert_close(slow[0].weight, 0.75 * before + 0.25 * fast[0].weight)
    assert slow[1].running_mean.abs().max() == 0


def test_follows_statistics_and_leaves_counts_and_parameters():
    slow, fast = slow_copy(network(1)), network(2)
    fast[1].running_mean.fill_(4)
    fast[1].num_batches_tracked.fill_(9)
    before = slow[0].weight.clone()
    follow_statistics([slow], [fast], 0.75)
    torch.testing.assert_close(slow[1].running_mean, torch.ones(4, dtype=torch.float64))
    assert slow[1].num_batches_tracked == 0
    assert torch.equal(slow[0].weight, before)


def test_equal_networks_stay_exactly_equal():
    fast = network(3)
    slow = slow_copy(fast)
    follow([slow], [fast], 0.3)
    follow_statistics([slow], [fast], 0.3)
    torch.testing.assert_close(slow.state_dict(), fast.state_dict(), rtol=0, atol=0)


def test_networks_of_another_build_are_refused():
    with pytest.raises(ValueError, match="zip"):
        follow_statistics([network(0)], [nn.Linear(3, 4)], 0.5)


@pytest.mark.parametrize("training", [True, False])
def test_norms_alone_are_in_training(training):
    slow = network(0).eval()
    normalise_by_batch([slow], training)
    assert [module.training for module in slow] == [False, training, False]


@pytest.mark.parametrize(("progress", "value"), [(0.0, 2.0), (0.5, 5.0), (1.0, 8.0)])
def test_cosine_runs_from_start_to_end(progress, value):
    assert cosine(2.0, 8.0, progress) == pytest.approx(value)
