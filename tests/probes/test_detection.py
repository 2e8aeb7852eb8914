"""Thresholds, ROC curves and the most popular answer, by hand and beside scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

from selfsup.probes.detection import Roc, choice, detection, mean_roc, roc

TRUE = np.array([True, True, True, False, False, False, False, False])
CHANCE = np.array([0.9, 0.6, 0.3, 0.7, 0.5, 0.3, 0.1, 0.0])


def test_what_lies_above_the_threshold_is_called_positive():
    assert detection(TRUE, CHANCE, 0.5) == {
        "galaxies": 8, "positives": 3, "tpr": 2 / 3, "precision": 2 / 3, "accuracy": 6 / 8,
    }  # fmt: skip
    found = detection(TRUE, CHANCE, 0.2)
    assert (found["tpr"], found["precision"], found["accuracy"]) == (1.0, 3 / 6, 5 / 8)


def test_what_divides_by_none_is_not_a_number():
    never = detection(TRUE, CHANCE, 0.95)
    assert never["tpr"] == 0.0
    assert np.isnan(never["precision"])
    assert np.isnan(detection(np.zeros(3, dtype=bool), np.ones(3), 0.5)["tpr"])
    assert np.isnan(detection(np.zeros(0, dtype=bool), np.zeros(0), 0.5)["accuracy"])


def test_an_area_is_the_share_of_pairs_in_their_order():
    curve = roc(TRUE, CHANCE)
    pairs = [(p > n) + 0.5 * (p == n) for p in CHANCE[TRUE] for n in CHANCE[~TRUE]]
    assert curve.auc == pytest.approx(np.mean(pairs))
    assert (curve.fpr[0], curve.tpr[0], curve.fpr[-1], curve.tpr[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(curve.tpr, curve.fpr) == pytest.approx(curve.auc)


def test_a_curve_of_one_kind_of_galaxy_is_undefined():
    assert roc(np.ones(4, dtype=bool), np.arange(4.0)) is None
    assert roc(np.zeros(4, dtype=bool), np.arange(4.0)) is None
    assert roc(np.zeros(0, dtype=bool), np.zeros(0)) is None


def test_a_mean_curve_lies_between():
    perfect, guess = Roc(np.array([0.0, 0, 1]), np.array([0.0, 1, 1]), 1.0), Roc(np.r_[0.0, 1], np.r_[0.0, 1], 0.5)
    mean = mean_roc([perfect, guess])
    assert mean.auc == 0.75
    assert np.trapezoid(mean.tpr, mean.fpr) == pytest.approx(0.75, abs=0.01)
    assert mean.tpr[0] == 0.0
    assert mean_roc([guess]) is guess


def test_the_answer_given_is_scored_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    true = rng.choice(4, 300, p=[0.6, 0.25, 0.1, 0.05])
    said = np.where(rng.random(300) < 0.7, true, rng.integers(0, 4, 300))
    found = choice(true, said)
    assert found["galaxies"] == 300
    assert found["accuracy"] == found["recall"] == pytest.approx(accuracy_score(true, said))
    for name, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert found[name] == pytest.approx(score(true, said, average="weighted"))
        assert found[f"{name}_plain"] == pytest.approx(score(true, said, average="macro"))
    assert found["f1"] > found["f1_plain"]


def test_an_answer_never_given_costs_and_one_never_true_does_not_count():
    found = choice(np.array([0, 0, 0, 1]), np.array([0, 0, 2, 0]))
    assert found["recall_plain"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["precision_plain"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["precision"] == pytest.approx(2 / 3 * 3 / 4)


def test_no_galaxies_have_no_score():
    found = choice(np.zeros(0, dtype=int), np.zeros(0, dtype=int))
    assert found.pop("galaxies") == 0
    assert all(np.isnan(value) for value in found.values())


def test_the_curve_agrees_with_the_thresholds():
    rng = np.random.default_rng(1)
    true = rng.random(400) < 0.3
    chance = np.clip(0.3 * true + 0.7 * rng.random(400), 0, 1)
    curve = roc(true, chance)
    assert curve.auc == pytest.approx(roc_auc_score(true, chance))
    at = detection(true, chance, 0.5)
    fpr = ((chance > 0.5) & ~true).sum() / (~true).sum()
    assert np.interp(fpr, curve.fpr, curve.tpr) == pytest.approx(at["tpr"], abs=0.02)
