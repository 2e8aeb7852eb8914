"""Depthwise convolutions leave bfloat16 on a CPU, and nothing else changes."""

import torch
from torch import nn

from selfsup.encoders.convnet import ConvNet
from selfsup.encoders.depthwise import DepthwiseConv2d, widen_depthwise


def test_only_plain_depthwise_convolutions_are_changed():
    net = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(4, 1, 1))
    names = list(net.state_dict())
    widen_depthwise(net)
    assert [type(part) for part in net] == [DepthwiseConv2d, nn.Conv2d, nn.Conv2d]
    assert list(net.state_dict()) == names


def test_under_autocast_it_computes_in_single_precision():
    torch.manual_seed(0)
    conv, image = nn.Conv2d(8, 8, 3, groups=8), torch.randn(2, 8, 9, 9)
    exact = conv(image)
    widen_depthwise(nn.Sequential(conv))
    assert torch.equal(conv(image), exact)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(conv(image), exact.bfloat16())


def test_an_efficientnet_has_them():
    encoder = ConvNet("test_efficientnet", 3, 32, "auto", False, 0.0)
    assert any(isinstance(part, DepthwiseConv2d) for part in encoder.modules())
    with torch.autocast("cpu", torch.bfloat16):
        encoder(torch.rand(2, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())
