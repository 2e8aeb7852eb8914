"""BatchNorm as part of the convolution in front of it: the same embedding, and nothing folded that may not be."""

import pytest
import torch
from torch import nn

from selfsup.config import build
from selfsup.encoders.base import Encoder
from selfsup.encoders.dihedral import Symmetric
from selfsup.inference.folded import folded


def norms(module):
    return sum(isinstance(each, nn.BatchNorm2d) for each in module.modules())


def with_statistics(module):
    """Running statistics and weights as a training leaves them: none is 0 or 1."""
    draw = torch.Generator().manual_seed(1)
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d):
            for tensor in (each.running_mean, each.running_var, each.weight.data, each.bias.data):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=draw))
    return module.eval().requires_grad_(False)


class Small(Encoder):
    """Convolutions and norms in an order of the caller's."""

    def __init__(self, run):
        super().__init__(3, 0.5, 0.5)
        self.conv, self.norm, self.other = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.first, self.dim, self.run = nn.BatchNorm2d(3), 4, run

    def feature_map(self, image):
        return self.run(self, self.normalize(image))

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.feature_map(image).mean((2, 3))


@pytest.mark.parametrize(("model", "stem"), [("test_resnet", "tiny"), ("test_efficientnet", "small")])
@pytest.mark.parametrize("wrap", [lambda encoder: encoder, Symmetric])
def test_no_norm_is_left_and_the_embedding_is_the_same(compose, model, stem, wrap):
    torch.manual_seed(0)
    cfg = compose("encoder=tiny_resnet", "data.size_px=32", f"encoder.model={model}", f"encoder.stem={stem}").encoder
    encoder = wrap(with_statistics(build(cfg, "encoder")).to(memory_format=torch.channels_last))
    count, image = norms(encoder), torch.rand(5, 3, 32, 32)
    found = folded(encoder, 32)
    assert norms(found) == 0 < count == norms(encoder)
    assert nn.functional.cosine_similarity(found(image), encoder(image)).min() > 0.99999
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in found.parameters() if p.ndim == 4)


@pytest.mark.parametrize(
    ("run", "left"),
    [
        (lambda self, x: self.norm(self.conv(x)), 2),
        (lambda self, x: self.conv(self.first(x)), 3),  # in front of the convolution
        (lambda self, x: self.norm(self.conv(x)) + self.other(self.conv(x)), 3),  # read by two
        (lambda self, x: self.norm(self.conv(x).relu()), 3),  # something in between
        (lambda self, x: self.norm(self.conv(x)) + self.norm(x[:, :1].expand(-1, 4, -1, -1)[:, :, 1:-1, 1:-1]), 3),
        (lambda self, x: (kept := self.conv(x)) + self.norm(kept), 3),  # and used beside
    ],
)
def test_only_what_a_norm_alone_reads_is_folded(run, left):
    encoder, image = with_statistics(Small(run)), torch.rand(2, 3, 16, 16)
    found = folded(encoder, 16)
    assert norms(found) == left
    torch.testing.assert_close(found(image), encoder(image))


def test_a_network_without_norms_is_itself(compose):
    encoder = build(compose("encoder=tiny_vit", "data.size_px=32").encoder, "encoder")
    assert folded(encoder, 32) is encoder
    assert encoder.training
