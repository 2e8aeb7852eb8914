"""The contract, over every encoder that has a YAML file: a new file appears here by itself."""

import copy
import functools
import importlib
import itertools
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import nn

from selfsup.encoders.base import Encoder, TokenEncoder
from selfsup.types import ConfigError

FOLDER = Path(__file__).parents[2] / "conf" / "encoder"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
LARGE = {"resnet50", "vit_small", "linformer_lin2021"}  # shapes only, one image


def build(name, size_px):
    with initialize_config_dir(str(FOLDER.parent), version_base="1.3"):
        whole = compose(overrides=[f"+encoder={name}", f"+data.size_px={size_px}"])
    options = OmegaConf.to_container(whole.encoder, resolve=True)
    module, _, cls = options.pop("_target_").rpartition(".")
    torch.manual_seed(0)
    return getattr(importlib.import_module(module), cls)(**options)


@functools.cache
def smallest(name):
    """The encoder for the smallest of three sizes that it accepts, and that size."""
    for size_px in (32, 64):
        try:
            return build(name, size_px), size_px
        except ConfigError:
            pass
    return build(name, 224), 224


@pytest.fixture(params=[name for name in NAMES if name not in LARGE])
def encoder(request):
    return copy.deepcopy(smallest(request.param)[0]).eval()


@pytest.fixture
def image(request):
    name = request.node.callspec.params["encoder"]
    size_px = smallest(name)[1]
    return torch.rand(4, 3, size_px, size_px, generator=torch.Generator().manual_seed(1))


def close(a, b, share=1e-4):
    """Equal up to a share of the norm."""
    return (a - b).norm() <= share * b.norm() and b.norm() > 0


def test_the_promised_encoders_exist():
    assert {"resnet18", "efficientnet_b0", "tiny_resnet", "vit_tiny", "tiny_vit", "linformer"} | LARGE <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_shapes(name):
    encoder, size_px = smallest(name)
    encoder = copy.deepcopy(encoder).eval()
    batch = torch.rand(1, 3, size_px, size_px)
    with torch.no_grad():
        embedding, features, maps = encoder(batch), encoder.feature_map(batch), encoder.pyramid(batch)
    assert isinstance(encoder, Encoder)
    assert embedding.shape == (1, encoder.dim)
    assert features.shape[:2] == (1, encoder.dim)
    assert features.ndim == 4
    sides = [each.shape[-1] for each in maps]
    assert len(sides) >= 2
    assert all(fine > coarse for fine, coarse in itertools.pairwise(sides))
    assert sides[0] <= size_px
    assert torch.equal(maps[-1], features)


@torch.no_grad()
def test_another_size_and_an_oblong_image(encoder, image):
    size_px = image.shape[-1]
    wide = torch.rand(2, 3, size_px, size_px * 3 // 2)
    assert encoder(wide).shape == (2, encoder.dim)
    h, w = encoder.feature_map(wide).shape[-2:]
    assert w > h or h == 1
    assert len(encoder.pyramid(wide)) == len(encoder.pyramid(image))


@torch.no_grad()
def test_channels_last_changes_nothing(encoder, image):
    expected = encoder(image)
    encoder.to(memory_format=torch.channels_last)
    assert close(encoder(image.to(memory_format=torch.channels_last)), expected)


@torch.no_grad()
def test_bfloat16_autocast_stays_near(encoder, image):
    expected = encoder(image)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert close(encoder(image).float(), expected, share=0.1)
        assert close(encoder.pyramid(image)[-1].float(), encoder.feature_map(image).float(), share=0.1)


def test_gradient_reaches_every_parameter(encoder, image):
    encoder.train()
    encoder(image).square().sum().backward()
    assert [name for name, weight in encoder.named_parameters() if weight.grad is None] == []
    first = next(module for module in encoder.modules() if isinstance(module, nn.Conv2d))
    assert first.weight.grad.abs().sum() > 0
    assert all(weight.grad.isfinite().all() for weight in encoder.parameters())


@torch.no_grad()
def test_galaxies_are_embedded_independently_and_repeatably(encoder, image):
    together = encoder(image)
    assert torch.equal(encoder(image), together)
    assert close(torch.cat([encoder(image[i : i + 1]) for i in range(len(image))]), together)
    assert (together[0] - together[1]).norm() > 0


@torch.no_grad()
def test_state_round_trip(encoder, image):
    expected = encoder(image)
    state = {key: value.clone() for key, value in encoder.state_dict().items()}
    for weight in encoder.parameters():
        weight.normal_()
    assert not close(encoder(image), expected)
    encoder.load_state_dict(state)
    assert torch.equal(encoder(image), expected)


@torch.no_grad()
def test_tokens(encoder, image):
    if not isinstance(encoder, TokenEncoder):
        assert not hasattr(encoder, "encode")
        return
    tokens = encoder.embed(image)
    h, w = encoder.grid(image)
    assert tokens.shape == (len(image), h * w, encoder.dim)
    encoded = encoder.encode(tokens)
    assert encoded.shape == (len(image), encoder.n_prefix + h * w, encoder.dim)
    assert torch.equal(encoded[:, 0], encoder(image))
    assert torch.equal(encoder.feature_map(image)[:, :, 0, 1], encoded[:, 2])
    every = torch.arange(h * w).expand(len(image), -1)
    assert close(encoder.encode(tokens, keep=every, grid=(h, w)), encoded)


@torch.no_grad()
def test_kept_tokens_may_come_in_any_order(encoder, image):
    if not isinstance(encoder, TokenEncoder):
        return
    tokens = encoder.embed(image)
    shuffled = torch.stack([torch.randperm(tokens.shape[1]) for _ in image])[:, : tokens.shape[1] // 4]
    ordered = shuffled.sort(dim=1).values
    visible = [tokens.gather(1, keep[..., None].expand(-1, -1, encoder.dim)) for keep in (shuffled, ordered)]
    pair = [encoder.encode(seen, keep=keep)[:, 0] for seen, keep in zip(visible, (shuffled, ordered), strict=True)]
    assert close(pair[0], pair[1])
    assert not close(pair[0], encoder(image))


def test_a_partial_patch_is_an_error(encoder, image):
    if isinstance(encoder, TokenEncoder):
        with pytest.raises(ValueError, match="whole patches"):
            encoder(image[..., 1:])


def parameters_of(layer):
    return {id(p) for each in layer for p in (each.parameters() if isinstance(each, nn.Module) else [each])}


def test_each_parameter_is_at_one_depth(encoder):
    depths = [parameters_of(layer) for layer in encoder.by_depth()]
    assert len(depths) >= 3
    assert all(depths)
    assert len(set().union(*depths)) == sum(map(len, depths))
    # What is left is the norm behind the last block of a transformer: vectors.
    left = [p for p in encoder.parameters() if id(p) not in set().union(*depths)]
    assert len(left) in (0, 2)
    assert all(p.ndim == 1 for p in left)


def test_depths_follow_the_image(encoder, image):
    seen = []
    for depth, layer in enumerate(encoder.by_depth()):
        for each in layer:
            if isinstance(each, nn.Module):
                each.register_forward_hook(lambda *_, depth=depth: seen.append(depth))
    with torch.no_grad():
        encoder(image)
    assert set(seen) == set(range(len(encoder.by_depth())))
    # Projections are made before the first block uses any of them.
    assert seen == sorted(seen) or hasattr(encoder, "projections")


def test_an_encoder_that_says_nothing_of_its_depth_is_one_block():
    class Silent(Encoder):
        def feature_map(self, image): ...

        def pyramid(self, image): ...

        def forward(self, image): ...

    encoder = Silent(3, 0.5, 0.5)
    assert encoder.by_depth() == [[encoder]]
