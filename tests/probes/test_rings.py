"""Few labels: known answers, draws that depend on ids alone, and which class is looked for."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from selfsup.catalogue import Catalogue
from selfsup.probes.rings import Rings
from selfsup.probes.roc import area
from selfsup.types import ConfigError, DataError

YAML = {"column": "label", "n_per_class": [4, 16], "draws": 5, "c": 0.01, "positive": None, "max_iter": 1000}


def catalogue(x, label, prefix):
    return Catalogue.from_arrays([f"{prefix}{i:04d}" for i in range(len(x))], x, {"label": label}, {})


def sample(n, seed, shift, classes=("ring", "smooth")):
    rng = np.random.default_rng(seed)
    label = rng.choice(classes, size=n)
    x = rng.normal(size=(n, 6))
    x[:, :3] += shift * (label == "ring")[:, None]
    return x, label


def test_separable_is_perfect_from_four_labels():
    scores = Rings(**YAML)(catalogue(*sample(120, 1, 60), "a"), catalogue(*sample(80, 2, 60), "b")).metrics
    for name in ("auc_n4_mean", "auc_n16_mean", "auc_all", "balanced_accuracy_all", "f1_all"):
        assert scores[name] == 1.0
    assert scores["auc_n4_std"] == 0.0


def test_more_labels_help_and_scatter_less():
    scores = Rings(**YAML | {"n_per_class": [2, 40], "draws": 20})(
        catalogue(*sample(300, 1, 1.5), "a"), catalogue(*sample(300, 2, 1.5), "b")
    )
    m = scores.metrics
    assert m["auc_n2_mean"] + 0.03 < m["auc_n40_mean"] <= m["auc_all"] + 0.03
    assert m["auc_n2_std"] > 2 * m["auc_n40_std"] > 0
    assert scores.curve["n"] == [2.0, 40.0]
    assert scores.curve["mean"] == [m["auc_n2_mean"], m["auc_n40_mean"]]
    assert scores.curve["std"] == [m["auc_n2_std"], m["auc_n40_std"]]


def test_the_draws_are_those_that_published_scores_were_made_with():
    found = Rings(**YAML)(catalogue(*sample(120, 1, 1.0), "a"), catalogue(*sample(80, 2, 1.0), "b")).metrics
    expected = {"auc_n4_mean": 0.682212445, "auc_n4_std": 0.073445390, "f1_n16_mean": 0.643470196}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_noise_is_chance():
    scores = Rings(**YAML)(catalogue(*sample(200, 1, 0), "a"), catalogue(*sample(400, 2, 0), "b")).metrics
    assert 0.4 < scores["auc_n16_mean"] < 0.6
    assert 0.4 < scores["auc_all"] < 0.6


def test_all_of_train_agrees_with_scikit_learn():
    (x, label), (test_x, test_label) = sample(120, 1, 1.5), sample(80, 2, 1.5)
    # Wider in test than in train: whoever scaled by test would find other weights.
    test_x[:, :2] *= 20
    scores = Rings(**YAML | {"positive": "ring"})(catalogue(x, label, "a"), catalogue(test_x, test_label, "b")).metrics
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=0.01, class_weight="balanced").fit(scaler.transform(x), label == "ring")
    height = model.decision_function(scaler.transform(test_x))
    assert scores["auc_all"] == pytest.approx(roc_auc_score(test_label == "ring", height), abs=1e-3)
    assert scores["f1_all"] == pytest.approx(f1_score(test_label == "ring", height > 0), abs=1e-9)


def test_sizes_above_the_smaller_class_are_left_out_and_logged(caplog):
    x, label = sample(60, 1, 2)
    keep = (label == "smooth") | (np.cumsum(label == "ring") <= 6)
    scores = Rings(**YAML)(catalogue(x[keep], label[keep], "a"), catalogue(*sample(80, 2, 2), "b"))
    assert "auc_n4_mean" in scores.metrics
    assert not any("n16" in name for name in scores.metrics)
    assert scores.curve["n"] == [4.0]
    assert "n_per_class=[16]" in caplog.text


@pytest.mark.parametrize(("positive", "expected"), [(None, 1.0), (1, 1.0), ("1", 1.0), (0, 0.0)])
def test_numbers_look_for_one(positive, expected):
    # Trained on a true rule and tested on galaxies of class 1 alone but for one: F1 tells which class was looked for.
    rng = np.random.default_rng(0)
    y = np.array([0.0, 1.0] * 30)
    x = rng.normal(size=(60, 2)) * 0.1 + y[:, None] * 10
    test_y, test_x = np.array([0.0] + [1.0] * 9), np.full((10, 2), 10.0)
    scores = Rings(**YAML | {"positive": positive})(catalogue(x, y, "a"), catalogue(test_x, test_y, "b")).metrics
    assert scores["f1_all"] == pytest.approx(expected, abs=0.1)


def test_one_of_three_classes_must_be_named():
    classes = ("bar", "ring", "smooth")
    parts = catalogue(*sample(150, 1, 60, classes), "a"), catalogue(*sample(90, 2, 60, classes), "b")
    assert Rings(**YAML | {"positive": "ring"})(*parts).metrics["auc_n4_mean"] == 1.0
    for wrong in (None, "rings"):
        with pytest.raises(DataError, match=r"probe\.rings\.positive=.*one of: bar, ring, smooth"):
            Rings(**YAML | {"positive": wrong})(*parts)


def test_a_class_that_test_lacks_is_refused():
    classes = ("bar", "ring", "smooth")
    train, test = catalogue(*sample(90, 1, 2, classes), "a"), catalogue(*sample(90, 2, 2, classes[::2]), "b")
    with pytest.raises(DataError, match="test catalogue has no galaxy of class 'ring'"):
        Rings(**YAML | {"positive": "ring"})(train, test)


@pytest.mark.parametrize("wrong", [{"draws": 4}, {"n_per_class": []}, {"c": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match=rf"probe\.rings\.{next(iter(wrong))}"):
        Rings(**YAML | wrong)


def test_an_area_is_scikit_learn_s_with_equals_too():
    rng = np.random.default_rng(0)
    true, height = rng.random(200) < 0.3, rng.integers(0, 9, 200) / 3
    assert area(true, height) == pytest.approx(roc_auc_score(true, height), abs=1e-12)
