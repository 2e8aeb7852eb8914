import pytest
import torch

from selfsup.encoders.vit import ViT
from selfsup.types import ConfigError


def make(model="test_vit", channels=3, image_size_px=32, patch_px=8, pretrained=False, drop_path=0.0, **shape):
    torch.manual_seed(0)
    return ViT(model, channels, image_size_px, patch_px, pretrained, drop_path, **shape).eval()


@pytest.mark.parametrize("size_px", [32, 48])
@torch.no_grad()
def test_equals_timm_on_whole_images(size_px):
    encoder = make()
    image = torch.rand(2, 3, size_px, size_px)
    expected = encoder.net.forward_features((image - encoder.mean) / encoder.std)
    torch.testing.assert_close(encoder.encode(encoder.embed(image)), expected)
    torch.testing.assert_close(encoder(image), expected[:, 0])


@torch.no_grad()
def test_hidden_patches_are_not_seen():
    encoder = make()
    image = torch.rand(1, 3, 32, 32)
    other = image.clone()
    other[..., :8, :8] = 0  # the first patch
    keep = torch.arange(1, 16)[None]
    seen = [encoder.encode(encoder.embed(each)[:, 1:], keep=keep) for each in (image, other)]
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(encoder(image), encoder(other))


@pytest.mark.parametrize(("patch_px", "strides"), [(4, [2, 4]), (8, [2, 4, 8]), (16, [2, 4, 8, 16])])
@torch.no_grad()
def test_pyramid(patch_px, strides):
    encoder = make(image_size_px=64, patch_px=patch_px)
    maps = encoder.pyramid(torch.rand(1, 3, 64, 64))
    assert [64 // each.shape[-1] for each in maps] == strides
    assert {each.shape[1] for each in maps} == {encoder.dim}


@torch.no_grad()
def test_pyramid_levels_come_from_evenly_spaced_blocks():
    encoder = make()  # 6 blocks, 3 levels: after blocks 2, 4 and 6
    image = torch.rand(1, 3, 32, 32)
    ends = []
    for number, block in enumerate(encoder.net.blocks, start=1):
        block.register_forward_hook(lambda _module, _args, out, number=number: ends.append((number, out)))
    maps = encoder.pyramid(image)
    for level, number in zip(maps, (2, 4, 6), strict=True):
        state = encoder.net.norm(dict(ends)[number])[0, 1:].mean(dim=0)
        torch.testing.assert_close(level[0].mean(dim=(1, 2)), state, rtol=1e-3, atol=1e-4)


def test_another_width_depth_and_number_of_heads():
    encoder = make(dim=48, depth=2, heads=3)
    assert (encoder.dim, encoder.depth, len(encoder.by_depth())) == (48, 2, 3)
    assert encoder(torch.rand(2, 3, 32, 32)).shape == (2, 48)
    assert {block.attn.num_heads for block in encoder.net.blocks} == {3}


def test_drop_path_grows_with_depth():
    blocks = make(drop_path=0.5).net.blocks
    assert getattr(blocks[0].drop_path1, "drop_prob", 0.0) == 0.0
    assert blocks[-1].drop_path1.drop_prob == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"patch_px": 7}, "do not tile"),
        ({"model": "vit_tinny_patch16_224"}, "vit_tiny_patch16_224"),
        ({"model": "resnet18"}, "no 'resnet18' in vision_transformer"),
        ({"model": "test_vit2"}, "class token"),
        ({"heads": 5}, "heads must divide dim"),
        ({"model": "test_vit.nobody"}, "tag"),
    ],
)
def test_what_the_configuration_can_get_wrong(wrong, match):
    with pytest.raises(ConfigError, match=match):
        make(**wrong)


def test_weights_that_nobody_published():
    with pytest.raises(ConfigError, match=r"encoder\.pretrained=false"):
        make("test_vit4", pretrained=True)


def test_depths_are_the_embedding_and_each_block():
    encoder = make()
    first, *blocks = encoder.by_depth()
    names = {id(p): name for name, p in encoder.net.named_parameters()}
    loose = {names[id(each)] for each in first if isinstance(each, torch.nn.Parameter)}
    assert loose == {"cls_token", "pos_embed"}
    assert first[0] is encoder.net.patch_embed
    assert [[block] for block in encoder.net.blocks] == blocks
