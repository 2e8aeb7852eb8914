import logging

import pytest
import timm
import torch

from selfsup.encoders import convnet, zoo
from selfsup.encoders.convnet import ConvNet
from selfsup.types import ConfigError

UNPUBLISHED = next(name for name in timm.list_models("resnet*") if not timm.get_pretrained_cfg(name).has_weights)


def make(model="test_resnet", channels=3, image_size_px=32, stem="auto", pretrained=False, drop_path=0.0):
    return ConvNet(model, channels, image_size_px, stem, pretrained, drop_path).eval()


@pytest.mark.parametrize(
    ("model", "stem", "strides"),
    [
        ("resnet18", "standard", [2, 4, 8, 16, 32]),
        ("resnet18", "small", [2, 4, 8, 16]),
        ("resnet18", "tiny", [1, 2, 4, 8]),
        ("test_resnet", "standard", [2, 4, 8, 16, 32]),
        ("test_resnet", "tiny", [1, 2, 4, 8]),
        ("test_efficientnet", "standard", [2, 4, 8, 16, 32]),
        ("test_efficientnet", "small", [1, 2, 4, 8, 16]),
    ],
)
@torch.no_grad()
def test_strides_of_each_stem(model, stem, strides):
    maps = make(model, image_size_px=64, stem=stem).pyramid(torch.rand(1, 3, 64, 64))
    assert [64 // each.shape[-1] for each in maps] == strides


@pytest.mark.parametrize(
    ("model", "size_px", "stride"),
    [
        ("test_resnet", 32, 8),
        ("test_resnet", 64, 16),
        ("test_resnet", 128, 32),
        ("test_efficientnet", 32, 16),
        ("test_efficientnet", 128, 32),
    ],
)
@torch.no_grad()
def test_auto_stem_follows_the_image_size(model, size_px, stride):
    encoder = make(model, image_size_px=size_px)
    assert encoder.feature_map(torch.rand(1, 3, size_px, size_px)).shape[-1] == size_px // stride


@torch.no_grad()
@pytest.mark.parametrize("model", ["test_resnet", "test_efficientnet"])
def test_standard_stem_is_timm_itself(model):
    encoder = make(model, image_size_px=64, stem="standard")
    reference = timm.create_model(model, num_classes=0).eval()
    reference.load_state_dict(encoder.net.state_dict())
    image = torch.rand(2, 3, 64, 64)
    mean, std = (torch.tensor(reference.pretrained_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    torch.testing.assert_close(encoder(image), reference((image - mean) / std))
    torch.testing.assert_close(encoder(image), encoder.feature_map(image).mean(dim=(2, 3)))


@torch.no_grad()
def test_the_pyramid_of_an_efficientnet_ends_after_the_head_convolution():
    encoder = make("test_efficientnet")
    image = torch.rand(1, 3, 32, 32)
    last = encoder.pyramid(image)[-1]
    assert last.shape[1] == encoder.net.conv_head.out_channels == encoder.dim
    assert torch.equal(last, encoder.feature_map(image))


def test_five_bands():
    encoder = make(channels=5)
    assert encoder(torch.rand(1, 5, 32, 32)).shape == (1, encoder.dim)


def test_drop_path_acts_in_training_only():
    encoder = make(drop_path=0.9, image_size_px=64)
    rates = [getattr(module, "drop_prob", 0.0) for module in encoder.modules()]
    assert max(rates) == pytest.approx(0.9)


def test_building_leaves_the_statistics_untouched():
    norms = [m for m in make().modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert all(m.num_batches_tracked == 0 and m.training is False for m in norms)
    assert ConvNet("test_resnet", 3, 32, "auto", False, 0.0).training


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"model": "resnet81"}, "resnet18"),
        ({"model": "vit_tiny_patch16_224"}, "convolutional"),
        ({"model": "swin_tiny_patch4_window7_224", "image_size_px": 224}, r"must have|convolutional"),
        ({"model": "mobilenetv3_small_050"}, "both must have"),
        ({"model": "resnet18.nobody_in1k"}, "tag"),
        ({"stem": "huge"}, "encoder.stem"),
        ({"model": "test_efficientnet", "stem": "tiny"}, "ResNets only"),
        ({"model": "vgg11", "drop_path": 0.1}, "drop_path"),
        ({"model": UNPUBLISHED, "pretrained": True}, "encoder.pretrained=false"),
    ],
)
def test_what_the_configuration_can_get_wrong(wrong, match):
    with pytest.raises(ConfigError, match=match):
        make(**wrong)


@pytest.mark.parametrize(("model", "renewed"), [("resnet18", True), ("test_resnet", False)])
def test_pretrained_weights_survive_a_new_stem(monkeypatch, caplog, model, renewed):
    def published(name, pretrained, **options):
        net = timm.create_model(name, pretrained=False, **options)
        if pretrained:
            for weight in net.parameters():
                torch.nn.init.constant_(weight, 0.25)
        return net

    class Zoo:
        create_model = staticmethod(published)
        is_model = staticmethod(timm.is_model)

    monkeypatch.setattr(zoo, "timm", Zoo)
    with caplog.at_level(logging.WARNING, logger=convnet.__name__):
        net = make(model, stem="small", pretrained=True).net
    stem = {"conv1.weight", "bn1.weight", "bn1.bias"} if renewed else set()
    afresh = {name for name, weight in net.named_parameters() if not (weight == 0.25).all()}
    assert afresh == stem
    assert ("but those of the stem" in caplog.text) is renewed
    assert "kept" in caplog.text


@pytest.mark.parametrize(
    ("model", "last", "count"),
    [
        ("resnet18", "layer4", 5),
        ("test_resnet", "layer4", 5),
        ("efficientnet_b0", "conv_head", 8),
        ("convnext_atto", "stages.3", 5),
    ],
)
def test_depths_are_the_stem_and_timm_s_stages(model, last, count):
    encoder = make(model, image_size_px=64)
    depths = encoder.by_depth()
    assert len(depths) == count
    names = {id(each): name for name, each in [*encoder.net.named_modules(), *encoder.net.named_parameters()]}
    by_name = [{names[id(each)] for each in layer} for layer in depths]
    assert by_name[0] & {"conv1", "conv_stem", "stem"}
    assert last in by_name[-1]
    assert "" not in set().union(*by_name)
