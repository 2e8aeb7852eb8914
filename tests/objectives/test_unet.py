"""Every map and every pixel has its say, whatever the encoder, and the encoder is asked once."""

import pytest
import torch
from torch import nn

from selfsup.encoders.base import Encoder
from selfsup.encoders.convnet import ConvNet
from selfsup.encoders.linformer import Linformer
from selfsup.encoders.vit import ViT
from selfsup.objectives.unet import UNetDecoder, seen, sees_embedding
from selfsup.types import ConfigError

LINFORMER = {
    "depth": 2,
    "dim": 16,
    "heads": 2,
    "k": 4,
    "sharing": "headwise",
    "dropout": 0.1,
    "mean": [0.1],
    "std": [0.1],
}
ENCODERS = {
    "resnet_tiny_stem": lambda: ConvNet("test_resnet", 3, 32, "tiny", False, 0.0),
    "resnet": lambda: ConvNet("test_resnet", 3, 64, "standard", False, 0.0),
    "efficientnet": lambda: ConvNet("test_efficientnet", 3, 64, "small", False, 0.0),
    "vit": lambda: ViT("test_vit", 3, 32, 8, False, 0.0),
    "linformer": lambda: Linformer(channels=3, image_size_px=32, patch_px=8, **LINFORMER),
}
each = pytest.mark.parametrize("name", ENCODERS)


class Normed(Encoder):
    """Its embedding is not the mean of its map."""

    dim = 8

    def __init__(self):
        super().__init__(3, 0.5, 0.25)
        self.net, self.norm = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8)

    def feature_map(self, image):
        return self.net(self.normalize(image))

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.norm(self.feature_map(image).mean((2, 3)))


def make(name):
    torch.manual_seed(0)
    return ENCODERS[name]()


def trained(decoder):
    """The decoder with a correction that is not zero."""
    nn.init.normal_(decoder.to_pixels.weight, std=0.1)
    return decoder


@each
@torch.no_grad()
def test_one_pass_sees_the_embedding_and_the_maps(name):
    encoder, image = make(name).eval(), torch.rand(2, 3, 32, 32)
    assert sees_embedding(encoder)
    embedding, maps = seen(encoder, image)
    torch.testing.assert_close(embedding, encoder(image), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(maps[-1], encoder.feature_map(image))
    sides = [each.shape[-1] for each in maps]
    assert sides == sorted(sides, reverse=True)


def test_an_embedding_that_is_no_plain_mean_is_told_apart():
    assert not sees_embedding(Normed())


@each
def test_every_map_and_pixel_has_its_say(name):
    encoder, image = make(name).eval(), torch.rand(2, 3, 32, 32)
    decoder = trained(UNetDecoder(encoder, dim=64, depth=2))
    with torch.no_grad():
        _, maps = seen(encoder, image)
    leaves = [each.detach().requires_grad_() for each in (*maps, image)]
    pixels = decoder(leaves[:-1], leaves[-1])
    assert pixels.shape == (2, 3, 32, 32)
    pixels[0].square().sum().backward()
    for leaf in leaves:
        assert leaf.grad[0].abs().sum() > 0
        assert leaf.grad[1].abs().sum() == 0, "an image has its own pixels"
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in decoder.parameters())


@torch.no_grad()
def test_before_training_the_image_stays_almost_as_it_is():
    encoder, image = make("resnet").eval(), torch.rand(2, 3, 32, 32)
    pixels = UNetDecoder(encoder, dim=64, depth=1)(seen(encoder, image)[1], image)
    torch.testing.assert_close(pixels, image, atol=0.02, rtol=0)


@pytest.mark.parametrize("size", [(32, 32), (35, 21), (64, 48)])
@torch.no_grad()
def test_any_size_of_image(size):
    encoder, image = make("resnet").eval(), torch.rand(2, 3, *size)
    _, maps = seen(encoder, image)
    assert UNetDecoder(encoder, dim=64, depth=1)(maps, image).shape == image.shape


@each
def test_building_leaves_the_encoder_as_it_was(name):
    encoder = make(name).train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    torch.manual_seed(1)
    sees_embedding(encoder)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn), "no random number was used up"
    UNetDecoder(encoder, dim=64, depth=1)
    assert encoder.training
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


def test_pixels_are_finer_than_half_precision():
    encoder = make("resnet_tiny_stem")
    decoder = trained(UNetDecoder(encoder, dim=64, depth=1))
    image = torch.rand(2, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        correction = decoder(seen(encoder, image)[1], image) - image
    assert correction.dtype == torch.float32
    assert not torch.equal(correction, correction.bfloat16().float())


@pytest.mark.parametrize(
    ("dim", "depth", "message"),
    [(16, 1, "decoder_dim 16 is halved 5 times; write at least 32"), (32, 0, r"objective\.decoder_depth 0")],
)
def test_widths_that_cannot_be_are_refused(dim, depth, message):
    with pytest.raises(ConfigError, match=message):
        UNetDecoder(make("resnet"), dim, depth)
