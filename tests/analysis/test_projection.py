"""Components in one pass are those of the whole at once; maps are the same again, and keep islands apart."""

import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA

from selfsup.analysis.projection import principal_components, sample_of, tsne, umap
from selfsup.types import ConfigError, DataError


@pytest.fixture
def embedding():
    """(300, 6) of known shape, far from the origin, as float32."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(300, 6)) * [9, 5, 3, 1, 0.5, 0.1] + 1000).astype(np.float32)


@pytest.fixture
def islands():
    """Three groups of 30, far apart: (90, 5), (90,)."""
    truth = np.repeat(np.arange(3), 30)
    return np.random.default_rng(1).normal(size=(90, 5)) + 30 * np.eye(5)[truth], truth


@pytest.mark.parametrize("rows", [1, 7, 128, 300])
def test_components_are_those_of_all_at_once_whatever_the_batches(embedding, rows):
    found = principal_components((embedding[at : at + rows] for at in range(0, 300, rows)), 3)
    whole = PCA(3, svd_solver="full").fit(embedding.astype(np.float64))
    np.testing.assert_allclose(found.variance, whole.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(np.abs(found(embedding)), np.abs(whole.transform(embedding.astype(float))), atol=1e-6)
    assert found.explained == pytest.approx(whole.explained_variance_ratio_.sum())
    assert (np.take_along_axis(found.axes, np.abs(found.axes).argmax(axis=1)[:, None], axis=1) > 0).all()


def test_there_are_no_more_components_than_numbers_or_galaxies(embedding):
    assert principal_components([embedding], 50)(embedding).shape == (300, 6)
    assert principal_components([embedding[:4]], 50)(embedding).shape == (300, 4)
    alike = principal_components([np.ones((5, 3), np.float32)], 2)
    assert alike.explained == 0.0
    assert not alike(np.ones((2, 3))).any()
    for few in ([], [embedding[:1]]):
        with pytest.raises(DataError, match=f"has {len(few)} galaxies"):
            principal_components(few, 2)


def test_a_sample_is_drawn_from_the_seed():
    assert sample_of(1000, 100, 0).sum() == 100
    assert sample_of(1000, 5000, 0).all()
    assert (sample_of(1000, 100, 0) == sample_of(1000, 100, 0)).all()
    assert (sample_of(1000, 100, 0) != sample_of(1000, 100, 1)).any()


def apart(places, truth):
    """The least distance between groups, in units of the largest within one."""
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    same = truth[:, None] == truth[None]
    return distance[~same].min() / np.median(distance[same])


def test_tsne_keeps_islands_apart_and_is_the_same_again(islands):
    points, truth = islands
    places = tsne(points, perplexity=10, max_iter=300, seed=0)
    assert apart(places, truth) > 1
    np.testing.assert_array_equal(places, tsne(points, perplexity=10, max_iter=300, seed=0))


@pytest.mark.slow
def test_umap_keeps_islands_apart_and_is_the_same_again(islands):
    points, truth = islands
    places = umap(points, n_neighbors=10, min_dist=0.1, seed=0)
    assert apart(places, truth) > 1
    np.testing.assert_array_equal(places, umap(points, n_neighbors=10, min_dist=0.1, seed=0))


def test_what_cannot_be_laid_out_is_refused_by_its_key(islands):
    points, _ = islands
    with pytest.raises(ConfigError, match=r"task\.tsne\.perplexity=90 for a map of 90 galaxies"):
        tsne(points, perplexity=90, max_iter=300, seed=0)
    with pytest.raises(ConfigError, match=r"task\.umap\.n_neighbors=100"):
        umap(points, n_neighbors=100, min_dist=0.1, seed=0)
    with pytest.raises(DataError, match="all alike"):
        tsne(np.ones((90, 5)), perplexity=10, max_iter=300, seed=0)


def test_without_umap_learn_the_error_says_how_to_install_it(islands, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ConfigError, match=r"uv sync --extra maps"):
        umap(islands[0], n_neighbors=10, min_dist=0.1, seed=0)
