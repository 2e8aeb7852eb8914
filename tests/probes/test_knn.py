"""Weighted nearest neighbours against a plain loop, and known answers."""

import math

import numpy as np
import pytest

from selfsup.catalogue import Catalogue
from selfsup.probes.knn import KNN, largest
from selfsup.types import ConfigError, DataError

YAML = {"column": "label", "ks": [1, 5, 20], "temperature": 0.07, "validation_share": 0.2, "chunk_rows": 16}


def catalogue(x, label, prefix):
    return Catalogue.from_arrays([f"{prefix}{i:04d}" for i in range(len(x))], x, {"label": label}, {})


def sample(n, seed, classes=3, noise=0.8):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, n)
    centres = np.eye(classes, 5)
    return (centres[label] + noise * rng.normal(size=(n, 5))).astype(np.float32), label


def naive_accuracy(train, train_label, test, test_label, k, temperature):
    hits = 0
    for query, true in zip(test.tolist(), test_label, strict=True):
        similarity = []
        for row, label in zip(train.tolist(), train_label, strict=True):
            dot = sum(a * b for a, b in zip(query, row, strict=True))
            similarity.append((dot / math.hypot(*query) / math.hypot(*row), label))
        votes = {}
        for value, label in sorted(similarity, reverse=True)[:k]:
            votes[label] = votes.get(label, 0) + math.exp(value / temperature)
        hits += max(votes, key=votes.get) == true
    return hits / len(test)


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_agrees_with_a_plain_loop(temperature):
    (x, label), (test_x, test_label) = sample(80, 1), sample(50, 2)
    probe = KNN(**YAML | {"temperature": temperature})
    scores = probe(catalogue(x, label, "a"), catalogue(test_x, test_label, "b"))
    for k in YAML["ks"]:
        expected = naive_accuracy(x, label, test_x, test_label, k, temperature)
        assert scores.metrics[f"accuracy_k{k}"] == pytest.approx(expected)
    assert 0.4 < scores.metrics["accuracy"] < 0.95


def test_headline_is_the_chosen_k():
    (x, label), (test_x, test_label) = sample(80, 1), sample(50, 2)
    scores = KNN(**YAML)(catalogue(x, label, "a"), catalogue(test_x, test_label, "b"))
    k = int(scores.metrics["k"])
    assert scores.metrics["accuracy"] == scores.metrics[f"accuracy_k{k}"]
    assert scores.metrics["balanced_accuracy"] == scores.metrics[f"balanced_accuracy_k{k}"]
    assert scores.confusion.sum() == 50
    assert np.trace(scores.confusion) / 50 == pytest.approx(scores.metrics["accuracy"])


def test_chunks_do_not_matter():
    parts = catalogue(*sample(80, 1), "a"), catalogue(*sample(50, 2), "b")
    assert KNN(**YAML | {"chunk_rows": 1})(*parts).metrics == KNN(**YAML | {"chunk_rows": 999})(*parts).metrics


def test_separable_is_perfect_and_length_is_ignored():
    (x, label), (test_x, test_label) = sample(80, 1, noise=0.01), sample(50, 2, noise=0.01)
    lengths = np.random.default_rng(3).uniform(0.01, 100, size=(80, 1))
    scores = KNN(**YAML)(catalogue(x * lengths, label, "a"), catalogue(test_x, test_label, "b"))
    assert scores.metrics["balanced_accuracy"] == 1.0


def test_noise_is_chance():
    rng = np.random.default_rng(0)
    train = catalogue(rng.normal(size=(200, 5)), rng.integers(0, 2, 200), "a")
    test = catalogue(rng.normal(size=(400, 5)), rng.integers(0, 2, 400), "b")
    assert 0.4 < KNN(**YAML)(train, test).metrics["balanced_accuracy"] < 0.6


def test_k_is_chosen_where_it_helps_validation():
    # A third of the labels is wrong: one neighbour is a poor guide, twenty are a good one.
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, 300)
    x = np.eye(2)[true] + 0.1 * rng.normal(size=(300, 2))
    noisy = np.where(rng.random(300) < 0.3, 1 - true, true)
    scores = KNN(**YAML | {"ks": [1, 20]})(catalogue(x[:200], noisy[:200], "a"), catalogue(x[200:], true[200:], "b"))
    assert scores.metrics["k"] == 20
    assert scores.metrics["accuracy"] > 0.95


def test_a_galaxy_is_scored_alone():
    train = catalogue(*sample(80, 1), "a")
    x, label = sample(60, 2)
    far = x.copy()
    far[30:] += 1e5
    whole = KNN(**YAML)(train, catalogue(far, label, "b")).confusion
    parts = [KNN(**YAML)(train, catalogue(far[rows], label[rows], "b")).confusion for rows in (np.s_[:30], np.s_[30:])]
    assert np.array_equal(whole, parts[0] + parts[1])


def test_k_above_train_is_left_out():
    scores = KNN(**YAML | {"ks": [5, 500]})(catalogue(*sample(80, 1), "a"), catalogue(*sample(50, 2), "b"))
    assert "accuracy_k5" in scores.metrics
    assert "accuracy_k500" not in scores.metrics


def test_every_k_above_train_is_refused():
    with pytest.raises(DataError, match=r"probe\.knn\.ks"):
        KNN(**YAML | {"ks": [500]})(catalogue(*sample(80, 1), "a"), catalogue(*sample(50, 2), "b"))


@pytest.mark.parametrize("wrong", [{"temperature": 0}, {"chunk_rows": 0}, {"ks": []}, {"validation_share": 1}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match=rf"probe\.knn\.{next(iter(wrong))}"):
        KNN(**YAML | wrong)


@pytest.mark.parametrize(("columns", "count"), [(7, 7), (40, 5), (41, 5), (1003, 1), (1003, 20)])
def test_the_largest_are_those_of_a_sort(columns, count):
    values = np.random.default_rng(columns).normal(size=(6, columns))
    found, sizes = largest(values, count)
    assert np.array_equal(found, np.argsort(-values, axis=1)[:, :count])
    assert np.array_equal(sizes, -np.sort(-values, axis=1)[:, :count])
