"""Logistic regression: known answers, the metrics against scikit-learn, and no look at test."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from selfsup.catalogue import Catalogue
from selfsup.probes.linear import Linear
from selfsup.types import ConfigError

YAML = {"column": "label", "cs": [1e-3, 1e-1, 1.0], "balanced": True, "validation_share": 0.2, "max_iter": 1000}


def catalogue(x, label, prefix):
    return Catalogue.from_arrays([f"{prefix}{i:04d}" for i in range(len(x))], x, {"label": label}, {})


def sample(n, seed, noise):
    rng = np.random.default_rng(seed)
    label = rng.choice(["bar", "ring", "smooth"], size=n, p=[0.2, 0.2, 0.6])
    centres = {"bar": [1, 0, 0, 0], "ring": [0, 1, 0, 0], "smooth": [0, 0, 1, 0]}
    x = np.array([centres[name] for name in label]) + noise * rng.normal(size=(n, 4))
    return x * [1, 100, 0.01, 1] + [0, 5, 0, 0], label


def test_separable_is_perfect_whatever_the_scale():
    scores = Linear(**YAML)(catalogue(*sample(150, 1, 0.02), "a"), catalogue(*sample(90, 2, 0.02), "b"))
    for name in ("accuracy", "balanced_accuracy", "f1", "roc_auc"):
        assert scores.metrics[name] == 1.0
    assert scores.classes == ("bar", "ring", "smooth")
    assert np.array_equal(scores.confusion, np.diag(scores.confusion.diagonal()))


def test_metrics_agree_with_scikit_learn():
    (x, label), (test_x, test_label) = sample(150, 1, 0.7), sample(90, 2, 0.7)
    scores = Linear(**YAML | {"cs": [0.1]})(catalogue(x, label, "a"), catalogue(test_x, test_label, "b"))
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000).fit(scaler.transform(x), label)
    chances = model.predict_proba(scaler.transform(test_x))
    said = model.classes_[chances.argmax(axis=1)]
    assert scores.metrics["accuracy"] == pytest.approx(metrics.accuracy_score(test_label, said))
    assert scores.metrics["f1"] == pytest.approx(metrics.f1_score(test_label, said, average="macro"))
    auc = metrics.roc_auc_score(test_label, chances, multi_class="ovr")
    assert scores.metrics["roc_auc"] == pytest.approx(auc, abs=1e-3)
    assert np.array_equal(scores.confusion, metrics.confusion_matrix(test_label, said))


def test_two_classes_have_one_auc():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 2)), rng.integers(0, 2, 200)
    x[:, 0] += y
    scores = Linear(**YAML | {"cs": [1.0]})(catalogue(x[:100], y[:100], "a"), catalogue(x[100:], y[100:], "b"))
    scaler = StandardScaler().fit(x[:100])
    model = LogisticRegression(class_weight="balanced").fit(scaler.transform(x[:100]), y[:100])
    expected = metrics.roc_auc_score(y[100:], model.decision_function(scaler.transform(x[100:])))
    assert scores.metrics["roc_auc"] == pytest.approx(expected, abs=1e-3)


def test_permuted_labels_are_chance():
    (x, label), (test_x, test_label) = sample(300, 1, 0.1), sample(300, 2, 0.1)
    rng, test = np.random.default_rng(0), catalogue(test_x, test_label, "b")
    # Each cluster gets some class at random, so one permutation says little: the mean of many is a third.
    scores = [Linear(**YAML)(catalogue(x, rng.permutation(label), "a"), test).metrics for _ in range(20)]
    assert np.mean([each["balanced_accuracy"] for each in scores]) == pytest.approx(1 / 3, abs=0.2)
    assert Linear(**YAML)(catalogue(x, label, "a"), catalogue(test_x, test_label, "b")).metrics["roc_auc"] == 1.0


def test_the_penalty_follows_the_data():
    # Sixty useless features and few galaxies: only a strong penalty generalises; without noise a weak one is harmless.
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    x = np.concatenate([y[:, None] + rng.normal(size=(400, 10)), rng.normal(size=(400, 60))], axis=1)
    train, test = catalogue(x[:100], y[:100], "a"), catalogue(x[100:], y[100:], "b")
    chosen = Linear(**YAML | {"cs": [1e-3, 1e3]})(train, test).metrics
    weak = Linear(**YAML | {"cs": [1e3]})(train, test).metrics
    assert chosen["c"] == 1e-3
    assert chosen["balanced_accuracy"] > weak["balanced_accuracy"]


def test_a_galaxy_is_scored_alone():
    train = catalogue(*sample(150, 1, 0.7), "a")
    x, label = sample(80, 2, 0.7)
    x[40:] += 1e5
    halves = [Linear(**YAML)(train, catalogue(x[rows], label[rows], "b")) for rows in (np.s_[:40], np.s_[40:])]
    whole = Linear(**YAML)(train, catalogue(x, label, "b"))
    assert np.array_equal(whole.confusion, halves[0].confusion + halves[1].confusion)


def test_a_class_only_in_test_counts_as_errors():
    (x, label), (test_x, test_label) = sample(150, 1, 0.02), sample(90, 2, 0.02)
    known = label != "ring"
    scores = Linear(**YAML)(catalogue(x[known], label[known], "a"), catalogue(test_x, test_label, "b"))
    assert scores.classes == ("bar", "ring", "smooth")
    assert scores.confusion[:, 1].sum() == 0
    assert scores.metrics["balanced_accuracy"] < 0.7


@pytest.mark.parametrize("wrong", [{"cs": [0.0]}, {"max_iter": 0}, {"validation_share": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match=rf"probe\.linear\.{next(iter(wrong))}"):
        Linear(**YAML | wrong)
