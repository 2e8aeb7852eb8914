"""A short training on a few pictures: it learns, it is reproducible, and learning rates follow the depth."""

import pytest
import torch

from selfsup.config import build
from selfsup.encoders.convnet import ConvNet
from selfsup.objectives.supervised import Supervised
from selfsup.training.finetune import FineTuning, fine_tune
from selfsup.types import ConfigError

NUMBERS = {"steps": 30, "batch_size": 8, "lr": 3e-3, "layer_decay": None, "weight_decay": 0.0}
NUMBERS |= {"warmup_share": 0.1, "clip_norm": 3.0}


@pytest.fixture
def views(compose):
    return build(compose("data.folder=x", "objective=supervised", "data.size_px=32").augmentation, "augmentation")


def start():
    torch.manual_seed(0)
    encoder = ConvNet(
        model="test_resnet", channels=3, image_size_px=32, stem="standard", pretrained=False, drop_path=0.0
    )
    return Supervised(encoder, ["dark", "bright"], "balanced", dropout=0.0, label_smoothing=0.0)


def pictures():
    torch.manual_seed(1)
    label = torch.arange(12) % 2
    image = torch.rand(12, 3, 32, 32) * 0.3 + 0.6 * label.view(-1, 1, 1, 1)
    return (image * 255).byte(), label


def tuned(views, **changed):
    objective = start()
    fine_tune(objective, views, *pictures(), FineTuning(**{**NUMBERS, **changed}), seed=3)
    return objective


def test_it_learns_what_is_easy_and_evaluates_afterwards(views):
    objective = tuned(views)
    image, label = pictures()
    assert not objective.training
    assert torch.equal(objective.predict(image.float() / 255)["label"].argmax(1), label)


def test_the_same_seed_gives_the_same_weights(views):
    one, other = tuned(views, steps=3).state_dict(), tuned(views, steps=3).state_dict()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_deep_blocks_move_more_than_early_ones(views):
    before, after = start().encoder, tuned(views, steps=1, warmup_share=0.0, layer_decay=0.1).encoder
    moved = [
        max(float((p - q).detach().abs().max()) for one, other in zip(b, a, strict=True)
            for p, q in zip(one.parameters(), other.parameters(), strict=True))
        for b, a in zip(before.by_depth(), after.by_depth(), strict=True)
    ]  # fmt: skip
    assert moved == sorted(moved)
    assert moved[-1] > 5 * moved[0] > 0


def test_what_cannot_run_is_refused():
    with pytest.raises(ConfigError, match=r"task\.finetune: steps=0"):
        FineTuning(**{**NUMBERS, "steps": 0})
