"""The same network with fewer layers: a BatchNorm that only evaluates is part of the convolution in front of it.

Then (W * x - mean) / std * gamma + beta is one convolution with other weights (Jacob et al. 2018, arXiv:1712.05877,
section 3.2), and the map is written once instead of twice. Which convolution feeds which BatchNorm is seen by running
the network, not guessed from names; what it says then is compared with what it said before.
"""

from __future__ import annotations

import copy
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval as fused

from selfsup.embed import device_of
from selfsup.encoders.base import Encoder

TOLERANCE = 1e-6
"""Largest difference allowed in double precision, as a share of the embedding's largest number."""


@torch.inference_mode(False)
@torch.no_grad()
def folded(encoder: Encoder, size_px: int) -> Encoder:
    """A copy in evaluation mode that says the same but for rounding; the encoder itself where nothing can be folded.

    Args:
        encoder: trained; stays as it is.
        size_px: side of the pictures that it will see.
    """
    # In double precision, since a network may make much of the last bits, of noise above all.
    found = copy.deepcopy(encoder).eval().double()
    image = torch.rand(2, encoder.mean.shape[1], size_px, size_px, generator=torch.Generator().manual_seed(0))
    image = image.to(device_of(encoder), torch.float64)
    pairs, before = _pairs(found, image)
    for conv, norm in pairs:
        _fold(found, conv, norm)
    same = torch.allclose(found(image), before, rtol=0, atol=TOLERANCE * float(before.abs().max()))
    return found.float() if pairs and same else encoder


def _pairs(encoder: Encoder, image: Tensor) -> tuple[list[tuple[str, str]], Tensor]:
    """Names of each convolution and the BatchNorm that alone reads it, and the embedding of the image."""
    made: dict[int, tuple[str, Tensor]] = {}  # tensors are kept, lest another gets the same address
    reads: dict[str, set[str]] = defaultdict(set)
    with _watched(encoder, made, reads):
        embedding: Tensor = encoder(image)
    readers = Counter(conv for convs in reads.values() for conv in convs)
    only = {norm: next(iter(convs)) for norm, convs in reads.items() if len(convs) == 1}
    return [(conv, norm) for norm, conv in only.items() if conv and readers[conv] == 1], embedding


@contextmanager
def _watched(encoder: Encoder, made: dict[int, tuple[str, Tensor]], reads: dict[str, set[str]]) -> Iterator[None]:
    """While the encoder runs, note what each convolution makes, and what each BatchNorm reads."""

    def make(name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
        del module, inputs
        made[id(output)] = (name, output)

    def read(name: str, module: nn.Module, inputs: tuple[Tensor]) -> None:
        del module
        reads[name].add(made.get(id(inputs[0]), ("", inputs[0]))[0])

    hooks = [
        each.register_forward_hook(partial(make, name))
        if isinstance(each, nn.Conv2d)
        else each.register_forward_pre_hook(partial(read, name))
        for name, each in encoder.named_modules()
        if isinstance(each, nn.Conv2d | nn.BatchNorm2d)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _fold(encoder: Encoder, conv: str, norm: str) -> None:
    """Put the convolution of both in the place of the first; of the second, what else it does stays in its place."""
    first: Any = encoder.get_submodule(conv)
    second: Any = encoder.get_submodule(norm)
    encoder.set_submodule(conv, fused(first, second))
    encoder.set_submodule(norm, nn.Sequential(OrderedDict(second.named_children())))  # timm's has its activation inside
