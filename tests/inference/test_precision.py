"""Half precision: nearly the same embedding, in single precision; nothing else may be asked for."""

import pytest
import torch

from selfsup.config import build
from selfsup.inference.precision import in_precision
from selfsup.types import ConfigError


@pytest.fixture
def encoder(compose):
    torch.manual_seed(0)
    return build(compose("encoder=tiny_resnet", "data.size_px=32").encoder, "encoder").eval().requires_grad_(False)


def test_embeddings_in_bfloat16_are_single_and_point_nearly_the_same_way(encoder):
    image = torch.rand(8, 3, 32, 32)
    exact, half = encoder(image), in_precision(encoder, "bfloat16")(image)
    assert half.dtype == torch.float32
    assert not torch.equal(half, exact)
    assert torch.nn.functional.cosine_similarity(half, exact).min() > 0.999


def test_maps_are_single_too(encoder):
    image, half = torch.rand(2, 3, 32, 32), in_precision(encoder, "bfloat16")
    maps = [half.feature_map(image), *half.pyramid(image)]
    for found, exact in zip(maps, [encoder.feature_map(image), *encoder.pyramid(image)], strict=True):
        assert found.dtype == torch.float32
        assert torch.allclose(found, exact, rtol=0.1, atol=0.02 * float(exact.abs().max()))


def test_single_is_the_encoder_itself_and_another_is_refused(encoder):
    assert in_precision(encoder, "single") is encoder
    with pytest.raises(ConfigError, match=r"task.precision=half: write one of single, bfloat16"):
        in_precision(encoder, "half")
