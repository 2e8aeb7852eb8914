"""Few-shot curves of any number of classes, draw by draw."""

import numpy as np
import pytest

from selfsup.catalogue import Catalogue
from selfsup.probes.label_efficiency import LabelEfficiency, scores_of
from selfsup.types import ConfigError, DataError

CLASSES = ("round", "barred", "edge-on")


def catalogue(which, count=90, noise=1.0):
    generator = np.random.default_rng(len(which))
    target = np.arange(count) % 3
    embedding = 2.0 * np.eye(3, 8)[target] + generator.normal(0, noise, (count, 8))
    label = np.array([CLASSES[k] for k in target], dtype=object)
    return Catalogue.from_arrays([f"{which}{i}" for i in range(count)], embedding, {"label": label}, {})


def probe(**changed):
    return LabelEfficiency(
        **{"column": "label", "n_per_class": [2, 20], "draws": 6, "c": 0.1, "max_iter": 500, **changed}
    )


def test_more_labels_are_better_and_every_draw_is_kept():
    found = probe()(catalogue("train"), catalogue("test"))
    assert found.curve["labels"] == [2.0] * 6 + [20.0] * 6
    assert found.curve["draw"] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0] * 2
    few, many = found.curve["auc"][:6], found.curve["auc"][6:]
    assert np.mean(many) > np.mean(few) + 0.02
    assert np.std(many) < np.std(few)
    assert found.metrics["auc_n2_mean"] == pytest.approx(np.mean(few))
    assert found.metrics["auc_n2_std"] == pytest.approx(np.std(few, ddof=1))


def test_labels_that_say_nothing_are_worth_nothing():
    train, test = catalogue("train", noise=1e3), catalogue("test", count=600, noise=1e3)
    assert abs(probe()(train, test).metrics["auc_n20_mean"] - 0.5) < 0.05


def test_counts_that_no_class_has_are_left_out(caplog):
    found = probe(n_per_class=[2, 31])(catalogue("train"), catalogue("test"))
    assert set(found.curve["labels"]) == {2.0}
    assert "of which classes have [2]" in caplog.text
    with pytest.raises(DataError, match="add a smaller one"):
        probe(n_per_class=[31])(catalogue("train"), catalogue("test"))


def test_few_draws_are_refused():
    with pytest.raises(ConfigError, match="draws=4 is too few"):
        probe(draws=4)


def test_scores_of_a_perfect_and_of_a_reversed_answer():
    true = np.array([0, 0, 1, 1])
    chances = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]])
    assert scores_of(true, chances) == {"auc": 1.0, "balanced_accuracy": 1.0}
    assert scores_of(true, chances[:, ::-1]) == {"auc": 0.0, "balanced_accuracy": 0.0}
