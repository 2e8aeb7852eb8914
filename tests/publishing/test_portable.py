"""A graph that was written says what the encoder says, for any number of pictures; one that cannot is refused."""

import builtins
import importlib

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from selfsup.config import build
from selfsup.encoders.convnet import ConvNet
from selfsup.encoders.dihedral import symmetric
from selfsup.publishing.hub import PublishedEncoder
from selfsup.publishing.package import Description
from selfsup.publishing.portable import FORMATS, difference, require_formats, trace, write_graph
from selfsup.types import ConfigError

SMALL = {
    "tiny_resnet": [],
    "tiny_vit": ["encoder.depth=1"],
    "linformer": ["encoder.depth=1", "encoder.dim=16", "encoder.heads=2", "encoder.k=5"],
}


def published(encoder, symmetries=1):
    described = Description({}, 32, 3, encoder.dim, symmetries, channels_last=True)
    return PublishedEncoder(symmetric(encoder.eval().requires_grad_(False), symmetries), described, "").eval()


@pytest.fixture
def images():
    """Each picture looks another way up, and none is like its neighbour."""
    return torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "symmetries"), [("tiny_resnet", 1), ("tiny_vit", 8), ("linformer", 1)])
def test_both_graphs_say_what_the_encoder_says(name, symmetries, compose, images, tmp_path):
    torch.manual_seed(0)
    cfg = compose("data.folder=x", f"encoder={name}", "data.size_px=32", *SMALL[name])
    encoder = build(cfg.encoder, "encoder").to(memory_format=torch.channels_last)
    whole = published(encoder, symmetries)
    program = trace(whole)
    for kind, file in FORMATS.items():
        run = write_graph(program, kind, tmp_path / file)
        assert difference(whole, run, images, [1, 2, 5]) < 1e-5
        np.testing.assert_allclose(run(images), whole(images), rtol=1e-3, atol=1e-5)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(FORMATS.values())
    assert_onnx_is_described(tmp_path / "model.onnx", whole.dim)


def assert_onnx_is_described(file, dim):
    import onnx

    graph = onnx.load(file).graph
    (image,), (embedding,) = graph.input, graph.output
    assert (image.name, embedding.name) == ("image", "embedding")
    sizes = [
        [axis.dim_param or axis.dim_value for axis in one.type.tensor_type.shape.dim] for one in (image, embedding)
    ]
    assert sizes == [["batch", 3, 32, 32], ["batch", dim]]


def test_the_difference_is_the_largest_and_sees_every_batch(images):
    plain = lambda image: image.mean((2, 3))  # noqa: E731
    assert difference(plain, plain, images, [1, 2, 5]) == 0
    off = lambda image: plain(image) - 0.25 * (len(image) == 5)  # noqa: E731
    assert difference(plain, off, images, [1, 2]) == 0
    assert difference(plain, off, images, [1, 2, 5]) == pytest.approx(0.25)
    assert difference(plain, lambda image: plain(image) * torch.nan, images, [1]) == torch.inf


class Undecided(ConvNet):
    """Does what no graph can: it looks at the numbers."""

    def forward(self, image):
        features = super().forward(image)
        return features if float(image.mean()) > 0.5 else nn.functional.relu(features)


def test_an_encoder_that_cannot_be_traced_is_refused_with_the_reason(compose):
    node = OmegaConf.to_container(compose("encoder=tiny_resnet", "data.size_px=32").encoder, resolve=True)
    node.pop("_target_")
    with pytest.raises(ConfigError, match=r"task\.formats: this encoder cannot become a graph \(.+\); leave it out"):
        trace(published(Undecided(**node)))


def test_formats_are_checked_before_anything_is_done(monkeypatch):
    require_formats(["onnx", "torch_export"])
    with pytest.raises(ConfigError, match="there is no 'tflite'; write onnx or torch_export"):
        require_formats(["tflite"])

    def absent(name, *_):
        if name.startswith("onnxscript"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return builtins.__import__(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ConfigError, match="onnxscript, which this needs, is not installed: uv sync --extra portable"):
        require_formats(["onnx"])
    require_formats(["torch_export"])
