"""Samples of labels: balanced, nested, and the same whatever order the galaxies come in."""

import numpy as np

from selfsup.probes.draws import affordable, balanced_draw

IDS = [f"g{number:03}" for number in range(60)]
TARGET = np.array([number % 3 for number in range(60)])


def chosen(rows, ids=IDS):
    return {ids[row] for row in rows}


def test_every_class_has_as_many():
    rows = balanced_draw(IDS, TARGET, 5, 0)
    assert np.bincount(TARGET[rows]).tolist() == [5, 5, 5]
    assert len(set(rows.tolist())) == 15


def test_small_samples_lie_within_large_ones_and_draws_differ():
    few, many = balanced_draw(IDS, TARGET, 4, 2), balanced_draw(IDS, TARGET, 8, 2)
    assert chosen(few) < chosen(many)
    assert chosen(few) != chosen(balanced_draw(IDS, TARGET, 4, 3))


def test_the_order_of_the_galaxies_does_not_matter():
    shuffled = np.random.default_rng(0).permutation(60)
    ids = [IDS[row] for row in shuffled]
    assert chosen(balanced_draw(ids, TARGET[shuffled], 5, 1), ids) == chosen(balanced_draw(IDS, TARGET, 5, 1))


def test_only_counts_that_every_class_has():
    assert affordable(np.array([0, 0, 0, 1, 1]), [3, 1, 2]) == [1, 2]
