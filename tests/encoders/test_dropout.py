"""Dropout is torch's in all but the numbers it draws."""

import torch

from selfsup.encoders.dropout import Dropout, drop
from selfsup.encoders.linformer import Attention


def test_the_share_that_is_dropped_and_the_mean_that_stays():
    torch.manual_seed(0)
    x = torch.ones(1001, 1003)
    for p in (0.1, 0.5, 0.75):
        out = drop(x, p)
        share = (out == 0).float().mean().item()
        assert abs(share - p) < 5 * (p * (1 - p) / x.numel()) ** 0.5 + 2**-16
        assert out.unique().tolist() == [0.0, out.max().item()]
        assert abs(out.max().item() * (1 - p) - 1) < 1e-4


def test_each_of_the_four_numbers_of_a_draw_is_fair():
    torch.manual_seed(0)
    shares = (drop(torch.ones(400_000), 0.5) == 0).view(-1, 4).float().mean(0)
    assert (shares - 0.5).abs().max() < 0.01


def test_gradients_pass_where_units_stay():
    x = torch.ones(8, 8, dtype=torch.bfloat16, requires_grad=True)
    out = drop(x, 0.5)
    out.sum().backward()
    assert out.dtype == torch.bfloat16
    assert torch.equal(x.grad, out.detach())


def test_the_seed_decides():
    x = torch.ones(7, 3)
    drawn = [drop(x, 0.5) for _ in range(2) if torch.manual_seed(3)]
    assert torch.equal(*drawn)


def test_nothing_is_dropped_in_evaluation():
    x = torch.randn(3, 5)
    assert torch.equal(Dropout(0.5).eval()(x), x)


def test_attention_under_dropout_has_the_mean_of_attention_without():
    torch.manual_seed(0)
    attention = Attention(8, 2, 0.3)
    x, e = torch.randn(1, 6, 8), torch.randn(1, 1, 6, 3)
    with torch.no_grad():
        exact = attention.eval()(x, e, e)[0]
        seen = attention.train()(x.expand(5000, -1, -1), e, e)
    error = (seen.mean(0) - exact) / (seen.std(0) / 5000**0.5)
    assert error.abs().max() < 5
