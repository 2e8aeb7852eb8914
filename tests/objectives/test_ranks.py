"""The mean over processes; that trainings with it equal one process is tested with the objectives that use it."""

import torch
from torch import distributed

from selfsup.objectives.ranks import mean_over_ranks


def test_one_process_keeps_its_number_without_gradient_and_apart():
    number = torch.tensor(3.0, requires_grad=True)
    mean = mean_over_ranks(number * 2)
    assert mean == 6
    assert not mean.requires_grad
    plain = torch.tensor(5.0)
    assert mean_over_ranks(plain).add_(1) == plain + 1 == 6


def test_a_group_of_one_is_one_process(tmp_path):
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    try:
        number = torch.tensor(3.0, dtype=torch.float64)
        assert mean_over_ranks(number) == 3
        assert number == 3
    finally:
        distributed.destroy_process_group()
