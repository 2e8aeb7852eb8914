import pytest
import torch

from selfsup.objectives.precision import widen


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_only_half_precision_is_widened(given, found):
    wide = widen(torch.tensor([0.5, -2.0], dtype=given))
    assert wide.dtype == found
    assert wide.tolist() == [0.5, -2.0]
