"""Strange galaxies score high in each way, wherever the sample comes from and however the batches are cut."""

import logging

import numpy as np
import pytest
from scipy.stats import spearmanr

from selfsup.analysis.outliers import SCORES, Outliers, beyond, rank_correlations, score_outliers
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError, DataError

SETTINGS = {"neighbours": 5, "trees": 50, "mixtures": 2, "max_iter": 200, "smallest_variance": 0.01}


@pytest.fixture
def catalogue():
    """400 galaxies in two groups, and 10 that are far from both, each elsewhere."""
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(410, 8))
    embedding[:200, 0] += 6
    embedding[400:] = 9 * rng.normal(size=(10, 8))
    return Catalogue.from_arrays([f"g{i}" for i in range(410)], embedding, {}, {})


def whole(catalogue):
    return catalogue.batches(100)


def test_the_strange_are_the_strangest(catalogue):
    scores = score_outliers(catalogue, 8, 300, 0, whole, **SETTINGS)
    assert tuple(scores) == SCORES
    for name, score in scores.items():
        assert score.dtype == np.float32
        strangest = set(np.argsort(-score)[:10].tolist())
        assert len(strangest & set(range(400, 410))) >= 8, name


def test_the_batches_do_not_matter_and_the_seed_decides(catalogue):
    one, again = (score_outliers(catalogue, 4, 200, 0, each, **SETTINGS) for each in (whole, lambda c: c.batches(37)))
    other = score_outliers(catalogue, 4, 200, 1, whole, **SETTINGS)
    for name in SCORES:
        np.testing.assert_allclose(one[name], again[name], rtol=1e-4)
        assert not np.allclose(one[name], other[name])


def test_a_galaxy_of_the_sample_is_not_its_own_neighbour():
    position = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    outliers = Outliers(position[:20], neighbours=3, trees=5, mixtures=1, max_iter=100, smallest_variance=0.01, seed=0)
    found = outliers(position, np.arange(30) < 20)["outlier_knn"]
    distance = np.linalg.norm(position[:, None] - position[None, :20], axis=2)
    distance[np.arange(20), np.arange(20)] = np.inf
    np.testing.assert_allclose(found, np.sort(distance, axis=1)[:, :3].mean(axis=1), rtol=1e-5)


def test_the_density_of_one_gaussian_is_its_formula():
    position = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    outliers = Outliers(position, neighbours=3, trees=5, mixtures=1, max_iter=100, smallest_variance=0.01, seed=0)
    found = outliers(position, np.ones(200, bool))["outlier_density"]
    centred = position - position.mean(axis=0)
    covariance = centred.T @ centred / 200 + 0.01 * np.eye(3)
    squared = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(covariance), centred)
    constant = np.log(np.linalg.det(2 * np.pi * covariance))
    np.testing.assert_allclose(found, 0.5 * (squared + constant), rtol=1e-4)


def test_correlations_are_spearmans_and_a_constant_has_none():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 50))
    found = rank_correlations({"a": one, "b": other + one, "c": np.ones(50)})
    assert found[0, 1] == pytest.approx(spearmanr(one, other + one).statistic)
    assert np.isnan(found[0, 2])


def test_beyond_counts_above_the_mean():
    assert beyond(np.r_[np.zeros(99), 100.0], 3) == 1
    assert beyond(np.r_[np.zeros(99), -100.0], 3) == 0


def test_a_mixture_that_does_not_settle_is_said_and_is_no_failure(caplog):
    position = np.random.default_rng(0).random(size=(300, 2)).astype(np.float32)
    with caplog.at_level(logging.WARNING):
        found = Outliers(position, neighbours=3, trees=5, mixtures=5, max_iter=1, smallest_variance=0.01, seed=0)
    assert np.isfinite(found(position[:5], np.ones(5, bool))["outlier_density"]).all()
    assert "did not settle" in caplog.text


def test_too_few_galaxies_and_numbers_below_1_are_refused(catalogue):
    with pytest.raises(DataError, match="4 galaxies for 5 neighbours"):
        score_outliers(catalogue, 3, 4, 0, whole, **SETTINGS)
    with pytest.raises(ConfigError, match="trees=0"):
        score_outliers(catalogue, 3, 100, 0, whole, **SETTINGS | {"trees": 0})
    with pytest.raises(ConfigError, match=r"task\.sample=0"):
        score_outliers(catalogue, 3, 0, 0, whole, **SETTINGS)
