"""What a head says is compared with the truth that is known, in the truth's own unit."""

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, r2_score
from torch import nn

from selfsup.config import build
from selfsup.data.datamodule import GalaxyData
from selfsup.evaluate import TEST
from selfsup.evaluate_head import score_head


@pytest.fixture
def make(tiny, compose):
    def made(*overrides):
        return GalaxyData(build(compose(*tiny, *overrides).data, "data"), 16, 0, seed=0, splits=("train",))

    return made


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
    data = make()
    truth = data.label[data.rows(*TEST)]
    logits = np.eye(2, dtype=np.float32)[truth]
    assert score_head(Says("label", logits), data, TEST).metrics == {
        "head/accuracy": 1.0,
        "head/balanced_accuracy": 1.0,
    }
    logits[: len(truth) // 2] = logits[: len(truth) // 2, ::-1]
    found = score_head(Says("label", logits), data, TEST).metrics
    assert found["head/accuracy"] == pytest.approx((logits.argmax(1) == truth).mean())
    assert found["head/balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, logits.argmax(1)))


def test_head_of_a_value_is_scored_in_its_own_unit(make):
    data = make("data.label=value", "data.classes=null")
    truth = data.label[data.rows(*TEST)]
    said = truth + np.linspace(-0.1, 0.1, len(truth), dtype=np.float32)
    found = score_head(Says("label", said), data, TEST).metrics
    assert found["head/mae"] == pytest.approx(np.abs(said - truth).mean(), rel=1e-5)
    assert found["head/r2"] == pytest.approx(r2_score(truth, said), rel=1e-5)


def test_head_of_votes_is_scored_in_shares_beside_the_mean(make):
    data = make()
    rows = data.rows(*TEST)
    tree = data.found.tree
    right = score_head(Says("votes", tree.fractions(data.votes[rows]).astype(np.float32)), data, TEST).metrics
    assert right["head/votes_mae"] == pytest.approx(0.0, abs=1e-6)
    assert right["head/votes_mae_constant"] > 0.01
    wrong = score_head(Says("votes", tree.fractions(data.votes[rows][::-1]).astype(np.float32)), data, TEST).metrics
    assert wrong["head/votes_mae"] > right["head/votes_mae_constant"]


def test_an_objective_without_a_head_has_no_score(make):
    data = make()
    silent = Says("label", None)
    silent.predict = lambda image: {}
    assert score_head(silent, data, TEST).metrics == {}
