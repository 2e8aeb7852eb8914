"""Galaxies on components of variance 1, whatever the batches; what does not vary is left out."""

import numpy as np
import pytest

from selfsup.analysis.components import reduce, whiten
from selfsup.catalogue import Catalogue
from selfsup.types import ConfigError, DataError


@pytest.fixture
def embedding():
    rng = np.random.default_rng(0)
    return rng.normal(size=(90, 4)) @ rng.normal(size=(4, 12)) + 5


def test_positions_have_mean_0_and_variance_1_and_the_batches_do_not_matter(embedding):
    catalogue = Catalogue.from_arrays([f"g{i}" for i in range(90)], embedding, {}, {})
    field = reduce(catalogue, 3, lambda whole: whole.batches(7))
    assert field.ids.to_pylist() == catalogue.ids
    assert field.position.dtype == np.float32
    np.testing.assert_allclose(field.position.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.cov(field.position.T), np.eye(3), atol=1e-5)
    again = reduce(catalogue, 3, lambda whole: whole.batches(90))
    np.testing.assert_allclose(field.position, again.position, atol=1e-4)


def test_distances_are_those_of_mahalanobis(embedding):
    position = whiten([embedding], 12)(embedding)
    centred = embedding - embedding.mean(axis=0)
    inverse = np.linalg.pinv(np.cov(centred.T), rcond=1e-8)
    np.testing.assert_allclose(
        (position**2).sum(axis=1), np.einsum("ni,ij,nj->n", centred, inverse, centred), rtol=1e-4
    )


def test_components_without_variance_are_left_out(embedding):
    assert whiten([embedding], 12).count == 4


def test_what_cannot_be_told_apart_is_refused(embedding):
    with pytest.raises(DataError, match="the same"):
        whiten([np.ones((5, 3))], 2)
    with pytest.raises(ConfigError, match=r"task\.components=0"):
        whiten([embedding], 0)
