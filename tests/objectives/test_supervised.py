"""Class weights, unknown labels and standardised values against formulas written out."""

import pytest
import torch
from torch.nn import functional as F

from selfsup.encoders.base import Encoder
from selfsup.objectives.supervised import Supervised
from selfsup.types import ConfigError, DataError


class Pixels(Encoder):
    dim = 4

    def __init__(self):
        super().__init__(1, 0.0, 1.0)
        self.gain = torch.nn.Parameter(torch.ones(4))

    def feature_map(self, image):
        return self(image)[..., None, None]

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        return self.gain * image.flatten(1)


def make(**changed):
    torch.manual_seed(0)
    settings = {"classes": ["a", "b", "c"], "class_weights": "none", "dropout": 0.0, "label_smoothing": 0.0}
    return Supervised(Pixels(), **{**settings, **changed})


IMAGE = torch.rand(4, 1, 2, 2, generator=torch.Generator().manual_seed(0))


def run(objective, label):
    return objective({"global": [IMAGE]}, {"id": list("abcd"), "image": IMAGE, "label": label}, 0.0)


def test_cross_entropy_leaves_unknown_labels_out():
    objective, label = make(), torch.tensor([0, -1, 2, -1])
    loss = run(objective, label)
    logits = objective.predict(IMAGE)["label"]
    expected = -(logits.log_softmax(1)[0, 0] + logits.log_softmax(1)[2, 2]) / 2
    torch.testing.assert_close(loss.total, expected)
    assert loss.log["accuracy"] == (logits.argmax(1) == label)[[0, 2]].float().mean()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_weights_are_those_of_torch(smoothing):
    objective, label = make(class_weights=[1.0, 2.0, 5.0], label_smoothing=smoothing), torch.tensor([0, 1, 2, -1])
    expected = F.cross_entropy(
        objective.predict(IMAGE)["label"],
        label,
        torch.tensor([1.0, 2.0, 5.0]),
        ignore_index=-1,
        label_smoothing=smoothing,
    )
    torch.testing.assert_close(run(objective, label).total, expected)


def test_balanced_weights_from_the_training_labels():
    objective = make(class_weights="balanced")
    objective.observe_labels(torch.tensor([0] * 6 + [1] * 3 + [2] + [-1] * 5))
    torch.testing.assert_close(objective.state_dict()["class_weight"], torch.tensor([10 / 18, 10 / 9, 10 / 3]))


def test_a_class_that_is_never_seen_weighs_nothing():
    objective = make(class_weights="balanced", label_smoothing=0.1)
    objective.observe_labels(torch.tensor([0, 0, 1]))
    assert objective.class_weight.tolist() == pytest.approx([0.5, 1.0, 0.0])
    assert run(objective, torch.tensor([2, 2, 2, 2])).total == 0


@pytest.mark.parametrize("weights", ["none", [3.0, 2.0, 1.0]])
def test_labels_do_not_change_weights_that_are_given(weights):
    objective = make(class_weights=weights)
    before = objective.class_weight.clone()
    objective.observe_labels(torch.tensor([0, 0, 1, 2]))
    assert torch.equal(objective.class_weight, before)


def test_value_is_learned_in_units_of_its_spread_and_predicted_in_its_own():
    objective = make(classes=None)
    known = torch.tensor([1000.0, 1400.0, 1800.0])
    objective.observe_labels(torch.cat([known, torch.tensor([torch.nan])]))
    label = torch.tensor([1200.0, torch.nan, 1500.0, 1600.0])
    loss = run(objective, label)
    value = objective.predict(IMAGE)["label"]
    assert value.shape == (4,)
    error = (value - label)[[0, 2, 3]].square().mean()
    torch.testing.assert_close(loss.total, error / known.var(correction=0))
    torch.testing.assert_close(loss.log["rmse"], error.sqrt().detach())


def test_a_single_precision_spread_survives_a_large_mean():
    objective = make(classes=None)
    objective.observe_labels(torch.tensor([100000.0, 100000.5]).repeat(1000))
    assert objective.std.item() == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize(
    ("classes", "label"), [(["a", "b"], torch.tensor([-1] * 4)), (None, torch.tensor([torch.nan] * 4))]
)
def test_a_batch_of_unknown_labels_gives_zero_and_zero_gradients(classes, label):
    objective = make(classes=classes)
    loss = run(objective, label)
    loss.total.backward()
    assert loss.total == 0
    assert all((p.grad == 0).all() for p in objective.parameters())
    assert all(value.isfinite() for value in loss.log.values())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"classes": ["a"]}, "objective.classes"),
        ({"class_weights": "equal"}, "objective.class_weights"),
        ({"class_weights": [1.0, 2.0]}, "objective.class_weights must be 3"),
        ({"class_weights": [1.0, 2.0, -1.0]}, "objective.class_weights"),
    ],
)
def test_refuses_what_cannot_be(changed, message):
    with pytest.raises(ConfigError, match=message):
        make(**changed)


def test_data_without_labels_are_a_fault_of_the_configuration():
    with pytest.raises(ConfigError, match=r"data\.label"):
        make()({"global": [IMAGE]}, {"id": list("abcd"), "image": IMAGE}, 0.0)


def test_refuses_labels_of_the_other_kind():
    with pytest.raises(ConfigError, match=r"data\.classes=null"):
        run(make(), torch.rand(4))
    with pytest.raises(ConfigError, match=r"data\.classes=\[\.\.\.\]"):
        run(make(classes=None), torch.tensor([0, 1, 2, 0]))


@pytest.mark.parametrize(
    ("classes", "label", "message"),
    [
        (["a", "b"], torch.tensor([0, 1, 4]), "class 4"),
        (["a", "b"], torch.tensor([-1, -1]), "no training galaxy"),
        (None, torch.tensor([2.0, 2.0]), "the same value"),
    ],
)
def test_refuses_training_labels_that_teach_nothing(classes, label, message):
    with pytest.raises(DataError, match=message):
        make(classes=classes).observe_labels(label)
