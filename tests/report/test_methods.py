"""What tables call an encoder."""

import pytest

from selfsup.report.methods import encoder_name

VIT = {"_target_": "selfsup.encoders.vit.ViT", "model": "vit_tiny_patch16_224"}


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ({"_target_": "selfsup.encoders.convnet.ConvNet", "model": "resnet18"}, "resnet18"),
        ({**VIT, "dim": None, "depth": None}, "vit_tiny_patch16_224"),
        ({**VIT, "dim": 128, "depth": 6}, "vit 128 x 6"),
        ({"_target_": "selfsup.encoders.linformer.Linformer", "dim": 192, "depth": 4}, "linformer"),
    ],
)
def test_a_model_of_another_width_has_another_name(node, name):
    assert encoder_name(node) == name
