"""Probes on an encoder: which galaxies they see, and that what is found there can be trusted."""

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, r2_score
from torch import nn

from selfsup.config import build, build_all
from selfsup.data.datamodule import GalaxyData
from selfsup.encoders.base import Encoder
from selfsup.evaluate import evaluate, evaluate_pixels, score_head
from selfsup.probes.base import Probe, Scores

TRAIN, TEST = ("train", "val"), ("test",)


class Roundness(Encoder):
    """Knows the answer: second moments of the light along the image's axes and diagonals."""

    dim = 3

    def __init__(self):
        super().__init__(3, 0.0, 1.0)
        self.unused = nn.Linear(1, 1)

    def feature_map(self, image):
        return self.forward(image)[:, :, None, None]

    def pyramid(self, image):
        return [self.feature_map(image)]

    def forward(self, image):
        light = image.mean(1) - 0.1
        light = light.clamp(min=0) / light.clamp(min=0).sum((1, 2), keepdim=True)
        y, x = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in light.shape[1:]), indexing="ij")
        xx, yy, xy = ((light * weight).sum((1, 2)) for weight in (x * x, y * y, x * y))
        root = ((xx - yy).square() + 4 * xy.square()).sqrt()
        return torch.stack([root / (xx + yy), xx + yy, xx * yy - xy * xy], dim=1)


class Seen(Probe):
    """Remembers what it is given."""

    def __call__(self, train, test):
        self.train, self.test = train, test
        return Scores({"galaxies": float(len(test))})


@pytest.fixture
def make(tiny, compose):
    def made(*overrides):
        cfg = compose(*tiny, *overrides)
        return GalaxyData(build(cfg.data, "data"), 16, 0, seed=0, splits=("train",)), build_all(cfg.probe, "probe")

    return made


def test_probes_are_fitted_on_train_and_scored_on_test(make):
    data, _ = make()
    probe = Seen()
    found = evaluate(Roundness(), data, {"seen": probe}, TRAIN, TEST)
    assert probe.train.ids == [data.packed.ids[row] for row in data.rows(*TRAIN)]
    assert probe.test.ids == [data.packed.ids[row] for row in data.rows(*TEST)]
    assert not set(probe.train.ids) & set(probe.test.ids)
    assert list(probe.test.column("label")) == list(data.columns["label"][data.rows(*TEST)])
    assert found.metrics == {"probe/seen/galaxies": float(len(probe.test))}
    assert found.test is probe.test


def test_an_encoder_that_knows_scores_better_than_one_that_does_not(make):
    data, probes = make("probe=[linear,knn]", "probe.knn.ks=[5]")
    good = evaluate(Roundness(), data, probes, TRAIN, TEST).metrics
    blind = Roundness()
    blind.forward = lambda image: torch.ones(len(image), 3) + 1e-3 * torch.arange(len(image))[:, None]
    bad = evaluate(blind, data, probes, TRAIN, TEST).metrics
    assert good["probe/linear/accuracy"] > 0.95
    assert good["probe/knn/accuracy"] > 0.95
    assert bad["probe/linear/accuracy"] < 0.8


def test_unlabelled_galaxies_are_left_out_of_the_probes(make):
    data, _ = make()
    rows = data.rows(*TEST)
    for values in data.columns.values():
        values[rows[:3]] = np.nan if values.dtype.kind == "f" else ""
    probe = Seen()
    evaluate(Roundness(), data, {"seen": probe}, TRAIN, TEST)
    assert probe.test.ids == [data.packed.ids[row] for row in rows[3:]]


def test_pixels_are_a_baseline_fitted_on_train_alone(make):
    data, _ = make()
    one, two = Seen(), Seen()
    evaluate_pixels(data, {"seen": one}, TRAIN, TEST, components=4)
    evaluate_pixels(data, {"seen": two}, TRAIN, ("val",), components=4)
    assert one.train.embedding().shape == (len(data.rows(*TRAIN)), 4)
    np.testing.assert_array_equal(one.train.embedding(), two.train.embedding())  # whatever is scored
    assert np.ptp(one.train.embedding().mean(0)) < 0.5  # centred on train
    few = Seen()
    evaluate_pixels(data, {"seen": few}, TRAIN, TEST, components=10_000)
    assert few.train.dim == len(data.rows(*TRAIN))


class Says:
    """An objective whose head says what it is told to, galaxy by galaxy of the test part."""

    def __init__(self, name, values):
        self.module = nn.Linear(1, 1)
        self.name, self.values, self.at = name, values, 0

    def modules(self):
        return self.module.modules()

    def eval(self):
        return self.module.eval()

    def parameters(self):
        return self.module.parameters()

    def predict(self, image):
        chosen = self.values[self.at : self.at + len(image)]
        self.at += len(image)
        return {self.name: torch.as_tensor(chosen)}


def test_head_of_classes_is_scored_against_the_known_labels(make):
    data, _ = make()
    truth = data.label[data.rows(*TEST)]
    logits = np.eye(2, dtype=np.float32)[truth]
    assert score_head(Says("label", logits), data, TEST) == {"head/accuracy": 1.0, "head/balanced_accuracy": 1.0}
    logits[: len(truth) // 2] = logits[: len(truth) // 2, ::-1]
    found = score_head(Says("label", logits), data, TEST)
    assert found["head/accuracy"] == pytest.approx((logits.argmax(1) == truth).mean())
    assert found["head/balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, logits.argmax(1)))


def test_head_of_a_value_is_scored_in_its_own_unit(make):
    data, _ = make("data.label=value", "data.classes=null")
    truth = data.label[data.rows(*TEST)]
    said = truth + np.linspace(-0.1, 0.1, len(truth), dtype=np.float32)
    found = score_head(Says("label", said), data, TEST)
    assert found["head/mae"] == pytest.approx(np.abs(said - truth).mean(), rel=1e-5)
    assert found["head/r2"] == pytest.approx(r2_score(truth, said), rel=1e-5)


def test_head_of_votes_is_scored_in_shares_beside_the_mean(make):
    data, _ = make()
    rows = data.rows(*TEST)
    tree = data.found.tree
    right = score_head(Says("votes", tree.fractions(data.votes[rows]).astype(np.float32)), data, TEST)
    assert right["head/votes_mae"] == pytest.approx(0.0, abs=1e-6)
    assert right["head/votes_mae_constant"] > 0.01
    wrong = score_head(Says("votes", tree.fractions(data.votes[rows][::-1]).astype(np.float32)), data, TEST)
    assert wrong["head/votes_mae"] > right["head/votes_mae_constant"]


def test_an_objective_without_a_head_has_no_score(make):
    data, _ = make()
    silent = Says("label", None)
    silent.predict = lambda image: {}
    assert score_head(silent, data, TEST) == {}
