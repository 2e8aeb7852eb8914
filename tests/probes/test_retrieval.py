"""Retrieval against scikit-learn query by query, its chance level against shuffling, and known answers."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import average_precision_score

from selfsup.catalogue import Catalogue
from selfsup.probes.retrieval import RetrievalProbe, chance_of_map
from selfsup.types import ConfigError, DataError

YAML = {"column": "label", "threshold": None, "ks": [1, 5, 20], "queries": 1000, "metric": "cosine"}


def catalogue(x, prefix="b", **columns):
    return Catalogue.from_arrays([f"{prefix}{i:04d}" for i in range(len(x))], x, columns, {})


def sample(n, seed, noise=0.8):
    rng = np.random.default_rng(seed)
    label = rng.choice(3, n, p=[0.7, 0.2, 0.1])
    return (np.eye(3, 5)[label] + noise * rng.normal(size=(n, 5))).astype(np.float32), label


TRAIN = catalogue(np.eye(4), "a", label=[0, 1, 0, 1], share=[0.1, 0.2, 0.3, 0.4])


def slow(x, kind, asked, ks, metric):
    """Means over the galaxies asked for: average precision, precision at each k."""
    name = {"cosine": "cosine", "euclidean": "euclidean", "manhattan": "cityblock"}[metric]
    similarity, scores = -cdist(x.astype(float), x.astype(float), name), []
    for query in asked:
        others = np.array([row for row in range(len(x)) if row != query])
        relevant, near = kind[others] == kind[query], similarity[query, others]
        if relevant.any():
            best = relevant[np.argsort(-near)]
            scores.append([average_precision_score(relevant, near), *(best[:k].mean() for k in ks)])
    return np.mean(scores, axis=0)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "manhattan"])
def test_agrees_with_scikit_learn_query_by_query(metric):
    x, label = sample(150, 1)
    found = RetrievalProbe(**YAML | {"metric": metric})(TRAIN, catalogue(x, label=label)).metrics
    expected = slow(x, label, range(150), YAML["ks"], metric)
    assert [found["map"], *(found[f"precision_at_{k}"] for k in YAML["ks"])] == pytest.approx(expected)
    assert found["queries"] == 150
    assert found["precision_chance"] == pytest.approx(np.mean([((label == k).sum() - 1) / 149 for k in label]))


def test_a_share_above_a_threshold_is_looked_for_and_no_other():
    x, label = sample(150, 1)
    share = np.where(label == 2, 0.9, 0.5)
    share[7] = np.nan  # nobody knows: not in the catalogue that is searched
    found = RetrievalProbe(**YAML | {"column": "share", "threshold": 0.5})(TRAIN, catalogue(x, share=share)).metrics
    known = np.arange(150) != 7
    kind = (share[known] > 0.5).astype(int)
    assert found["map"] == pytest.approx(slow(x[known], kind, np.flatnonzero(kind), [], "cosine")[0])
    assert found["queries"] == kind.sum()
    assert found["precision_chance"] == pytest.approx((kind.sum() - 1) / 148)


def test_chance_is_what_shuffled_lists_give():
    rng, others = np.random.default_rng(0), 12
    for relevant in (1, 4, 12):
        hits = rng.permuted(np.tile(np.arange(others) < relevant, (20_000, 1)), axis=1)
        precision = np.cumsum(hits, axis=1) / np.arange(1, others + 1)
        slow_mean = (precision * hits).sum(1).mean() / relevant
        assert chance_of_map(np.array([relevant]), others)[0] == pytest.approx(slow_mean, abs=0.005)


def test_clumps_are_found_and_noise_is_chance():
    x, label = sample(200, 2, noise=0.01)
    clumps = RetrievalProbe(**YAML | {"ks": [1, 5]})(TRAIN, catalogue(x, label=label)).metrics
    assert clumps["map"] == clumps["precision_at_5"] == 1
    noise = RetrievalProbe(**YAML)(
        TRAIN, catalogue(np.random.default_rng(0).normal(size=(400, 5)), label=label.repeat(2))
    )
    assert noise.metrics["map"] == pytest.approx(noise.metrics["map_chance"], abs=0.02)


def test_a_collapsed_encoder_is_at_chance_though_ids_are_sorted_by_class():
    label = np.repeat([0, 1], 200)
    found = RetrievalProbe(**YAML)(TRAIN, catalogue(np.ones((400, 3)), label=label)).metrics
    assert found["precision_at_20"] == pytest.approx(found["precision_chance"], abs=0.05)
    assert found["map"] == pytest.approx(found["map_chance"], abs=0.05)


def test_some_queries_are_chosen_by_their_ids_whatever_the_order():
    x, label = sample(150, 1)
    probe, turned = RetrievalProbe(**YAML | {"queries": 20}), np.arange(150)[::-1]
    ids = [f"b{i:04d}" for i in turned]
    found = probe(TRAIN, catalogue(x, label=label)).metrics
    assert found["queries"] == 20
    assert probe(TRAIN, Catalogue.from_arrays(ids, x[turned], {"label": label[turned]}, {})).metrics == found


def test_lengths_beyond_the_catalogue_are_left_out_and_single_galaxies_not_asked_for():
    found = RetrievalProbe(**YAML)(TRAIN, catalogue(np.eye(4), label=[0, 0, 0, 1])).metrics
    assert "precision_at_5" not in found
    assert found["queries"] == 3


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(DataError, match="No two galaxies of test"):
        RetrievalProbe(**YAML)(TRAIN, catalogue(np.eye(2), label=[0, 1]))
    with pytest.raises(DataError, match="No two galaxies of test"):
        RetrievalProbe(**YAML | {"column": "share", "threshold": 5})(TRAIN, TRAIN)
    for wrong in ({"queries": 0}, {"ks": []}, {"metric": "hamming"}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            RetrievalProbe(**YAML | wrong)
