import math
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from selfsup.encoders.linformer import Attention, Linformer, Projection
from selfsup.types import ConfigError

CONF = Path(__file__).parents[2] / "conf"


def make(**changes):
    torch.manual_seed(0)
    options = {
        "channels": 3,
        "image_size_px": 32,
        "patch_px": 8,
        "depth": 2,
        "dim": 16,
        "heads": 4,
        "k": 5,
        "sharing": "headwise",
        "dropout": 0.0,
        "mean": [0.1, 0.2, 0.3],
        "std": [0.1, 0.1, 0.1],
    }
    return Linformer(**(options | changes)).eval()


def random_rows(heads, n, k):
    return torch.randn(1, heads, n, k)


@torch.no_grad()
def test_full_rank_is_softmax_attention():
    attention, x, eye = Attention(16, 4, 0.0), torch.randn(3, 17, 16), torch.eye(17)[None, None]
    query, key, value = (part.unflatten(-1, (4, 4)).transpose(1, 2) for part in attention.qkv(x).chunk(3, dim=-1))
    expected = attention.out(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(x, eye, eye), expected)


@torch.no_grad()
def test_a_whole_encoder_at_full_rank_is_a_transformer():
    encoder = make(k=17)
    for projection in encoder.projections:
        projection.weight.copy_(torch.eye(17))
    x = torch.cat([encoder.class_token + encoder.positions[:, :1], encoder.embed(torch.zeros(1, 3, 32, 32))], dim=1)
    for block in encoder.blocks:
        plain = nn.TransformerEncoderLayer(16, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True).eval()
        weights = {
            "self_attn.in_proj_weight": block.attention.qkv.weight,
            "self_attn.in_proj_bias": torch.zeros(48),
            "self_attn.out_proj.weight": block.attention.out.weight,
            "self_attn.out_proj.bias": block.attention.out.bias,
            "linear1.weight": block.ffn[0].weight,
            "linear1.bias": block.ffn[0].bias,
            "linear2.weight": block.ffn[3].weight,
            "linear2.bias": block.ffn[3].bias,
            **{f"norm{i}.{p}": getattr(getattr(block, f"norm{i}"), p) for i in (1, 2) for p in ("weight", "bias")},
        }
        plain.load_state_dict(weights)
        x = plain(x)
    torch.testing.assert_close(encoder(torch.zeros(1, 3, 32, 32)), encoder.norm(x)[:, 0])


@pytest.mark.parametrize("heads", [1, 4])
@torch.no_grad()
def test_equation_7_head_by_head(heads):
    attention, x = Attention(8, 4, 0.0), torch.randn(1, 6, 8)
    e, f = random_rows(heads, 6, 3), random_rows(heads, 6, 3)
    query, key, value = attention.qkv(x)[0].chunk(3, dim=-1)
    out = []
    for i in range(4):
        q, k, v = (part[:, 2 * i : 2 * i + 2] for part in (query, key, value))
        row = min(i, heads - 1)
        scores = q @ (e[0, row].T @ k).T / math.sqrt(2)
        out.append(scores.softmax(dim=-1) @ (f[0, row].T @ v))
    torch.testing.assert_close(attention(x, e, f)[0], attention.out(torch.cat(out, dim=-1)))


@pytest.mark.parametrize(
    ("sharing", "matrices"), [("none", 2 * 2 * 4), ("headwise", 2 * 2), ("key-value", 2), ("layerwise", 1)]
)
def test_sharing_counts_the_matrices_of_the_paper(sharing, matrices):
    encoder = make(sharing=sharing)
    assert sum(p.weight.numel() for p in encoder.projections) == matrices * 17 * 5
    pairs = []
    for block in encoder.blocks:
        block.register_forward_pre_hook(lambda _module, args: pairs.append(args[1:]))
    encoder(torch.rand(1, 3, 32, 32))
    assert all((e is f) == (sharing in {"key-value", "layerwise"}) for e, f in pairs)
    assert (pairs[0][0] is pairs[1][0]) == (sharing == "layerwise")
    assert pairs[0][0].shape[1] == (4 if sharing == "none" else 1)


def test_projections_start_uniform():
    weight = Projection((16, 16), 16, 4).weight
    assert weight.abs().max() <= 0.25
    assert weight.std().item() == pytest.approx(0.25 / math.sqrt(3), rel=0.05)


@torch.no_grad()
def test_the_published_galaxy_classifier_has_its_number_of_parameters():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        whole = compose(overrides=["+encoder=linformer_lin2021", "+data.size_px=224"])
    options = OmegaConf.to_container(whole.encoder, resolve=True)
    del options["_target_"]
    encoder = Linformer(**options)
    # Its head is LayerNorm and Linear; the LayerNorm is our final norm.
    assert (
        sum(p.numel() for p in encoder.parameters()) + sum(p.numel() for p in nn.Linear(128, 8).parameters())
        == 2_785_416
    )


def test_kept_rows_are_those_of_the_kept_patches():
    projection = Projection((2, 2), 3, 1)
    rows = projection((2, 2), torch.tensor([[3, 1], [0, 2]]))
    assert rows.shape == (2, 1, 3, 3)
    torch.testing.assert_close(rows[0, 0], projection.weight[0, [0, 4, 2]] * torch.tensor([[1.0], [2.0], [2.0]]))
    torch.testing.assert_close(rows[1, 0], projection.weight[0, [0, 1, 3]] * torch.tensor([[1.0], [2.0], [2.0]]))


@pytest.mark.parametrize("grid", [(8, 8), (12, 4), (2, 2)])
def test_sums_survive_another_grid(grid):
    projection = Projection((4, 4), 3, 2)
    nn.init.constant_(projection.weight, 0.5)
    expected = projection((4, 4), None)[0, :, 1:].sum(dim=1)
    torch.testing.assert_close(projection(grid, None)[0, :, 1:].sum(dim=1), expected)
    torch.testing.assert_close(projection(grid, None)[0, :, 0], projection.weight[:, 0])
    keep = torch.tensor([[0, 3, 2]])
    torch.testing.assert_close(projection(grid, keep)[0, :, 1:].sum(dim=1), expected)


@torch.no_grad()
def test_enlarging_keeps_the_order_of_rows_and_columns():
    projection = Projection((2, 3), 1, 1)
    projection.weight[0, 1:, 0] = torch.tensor([0.0, 1.0, 2.0, 10.0, 11.0, 12.0])
    enlarged = projection((4, 6), None)[0, 0, 1:, 0].view(4, 6) * 4
    assert (enlarged.diff(dim=0) >= 0).all()
    assert (enlarged.diff(dim=1) >= -1e-6).all()
    assert enlarged[0, 0] == pytest.approx(0.0, abs=1e-6)
    assert enlarged[-1, -1] == pytest.approx(12.0)


def cost(encoder, size_px):
    """FLOPs of a forward pass, and numbers kept for the backward pass."""
    kept = []
    image = torch.rand(1, 3, size_px, size_px)
    hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t)
    with sdpa_kernel(SDPBackend.MATH), hooks, FlopCounterMode(display=False) as counter:
        encoder(image)
    return counter.get_total_flops(), sum(kept)


def test_compute_and_memory_are_linear_in_the_number_of_tokens():
    encoder = make()
    (f1, m1), (f2, m2), (f3, m3) = (cost(encoder, size_px) for size_px in (64, 128, 256))  # 64, 256, 1024 tokens
    assert (f3 - f2) / (f2 - f1) == pytest.approx(4.0)
    assert (m3 - m2) / (m2 - m1) == pytest.approx(4.0, rel=0.01)


def test_attention_of_full_rank_is_not():
    (f1, m1), (f2, m2) = (cost(make(image_size_px=s, k=(s // 8) ** 2), s) for s in (64, 128))
    assert f2 / f1 > 6
    assert m2 / m1 > 6


def test_dropout_acts_in_training_only():
    encoder, image = make(dropout=0.5), torch.rand(1, 3, 32, 32)
    assert torch.equal(encoder(image), encoder(image))
    encoder.train()
    assert not torch.equal(encoder(image), encoder(image))


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"patch_px": 7}, "do not tile"),
        ({"heads": 3}, "do not divide"),
        ({"k": 18}, "17 tokens"),
        ({"k": 0}, "17 tokens"),
        ({"sharing": "row"}, "key-value"),
    ],
)
def test_what_the_configuration_can_get_wrong(wrong, match):
    with pytest.raises(ConfigError, match=match):
        make(**wrong)


@pytest.mark.parametrize(("sharing", "own"), [("none", 2), ("headwise", 2), ("key-value", 1), ("layerwise", 0)])
def test_each_block_stands_at_one_depth_with_its_projections(sharing, own):
    encoder = make(sharing=sharing, depth=3)
    first, *blocks = encoder.by_depth()
    assert any(each is encoder.positions for each in first)
    assert [block[0] for block in blocks] == list(encoder.blocks)
    projections = [sum(isinstance(each, Projection) for each in block) for block in blocks]
    assert projections == ([1, 0, 0] if own == 0 else [own] * 3)
    assert sum(projections) == len(encoder.projections)
