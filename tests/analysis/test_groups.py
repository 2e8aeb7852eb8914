"""Groups that are known are found, whatever the order of the galaxies."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from selfsup.analysis.groups import by_size, dense_regions, means, mixture, nearest_means, regions

SHARES = [0.02, 0.05, 0.1, 0.2, 0.3]


def blobs(counts, distance, seed=0, dim=3):
    """Round groups of these numbers of galaxies on the axes: (N, D), (N,)."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(counts)), counts)
    return rng.normal(size=(len(truth), dim)) + distance * np.eye(dim)[truth], truth


def test_groups_are_numbered_from_the_largest_and_noise_stays():
    assert by_size(np.array([2, 2, 5, -1, 5, 5, 0])).tolist() == [1, 1, 0, -1, 0, 0, 2]


def test_means_of_train_group_test():
    train, _ = blobs((60, 50, 40), 12)
    test, truth = blobs((30, 20, 10), 12, seed=1)
    groups = nearest_means(train, test, 3, starts=5, seed=0)
    assert groups.tolist() == truth.tolist()  # numbered from the largest too
    alone = [nearest_means(train, test[row : row + 1], 3, starts=5, seed=0) for row in range(3)]
    assert all(each.tolist() == [0] for each in alone)


def test_fewer_different_galaxies_than_groups_are_each_a_group():
    train = np.repeat([[0.0], [1.0]], 10, axis=0)
    assert nearest_means(train, np.array([[0.1], [0.9], [0.2]]), 8, starts=2, seed=0).tolist() == [0, 1, 0]


def test_regions_are_found_and_the_largest_setting_is_taken():
    points, truth = blobs((100, 80, 60), 12)
    groups, size = dense_regions(points, 3, 5, SHARES)
    assert size == 48  # 0.2 of 240; 0.3 is more than the smallest has
    inside = groups >= 0
    assert inside.mean() > 0.9
    assert adjusted_rand_score(truth[inside], groups[inside]) == 1.0
    order = np.random.default_rng(2).permutation(len(points))
    assert adjusted_rand_score(dense_regions(points[order], 3, 5, SHARES)[0], groups[order]) == 1.0


def test_far_outliers_are_not_what_makes_the_number():
    """Two groups and five galaxies far away: only the smallest size would call these the third."""
    points, _ = blobs((100, 100), 12)
    far = 60 + 0.1 * np.random.default_rng(1).normal(size=(5, 3))
    points = np.concatenate([points, far])
    assert np.bincount(dense_regions(points, 2, 5, SHARES)[0] + 1, minlength=2)[1:].min() > 80
    groups, size = dense_regions(points, 3, 3, SHARES)
    assert size == round(0.02 * 205)
    assert groups[-5:].tolist() == [2] * 5


def test_where_no_setting_gives_the_number_the_nearest_is_taken():
    points, truth = blobs((100, 80), 12)
    groups, _ = dense_regions(points, 7, 5, [0.1, 0.2])
    assert adjusted_rand_score(truth[groups >= 0], groups[groups >= 0]) == 1.0


@pytest.mark.parametrize("points", [np.zeros((20, 2)), np.zeros((3, 2))], ids=["many", "few"])
def test_galaxies_all_alike_are_no_region(points):
    assert (dense_regions(points, 3, 10, SHARES)[0] == -1).all()


def test_a_mixture_finds_groups_of_different_sizes_and_says_how_sure_it_is():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 200)
    points = np.concatenate([rng.normal(0, 4, (200, 2)), rng.normal([9, 0], 0.3, (200, 2))])
    found = mixture(points, 2, starts=3, max_iter=200, seed=0)
    groups, probability = found.assign(points)
    assert adjusted_rand_score(truth, groups) > 0.95
    assert adjusted_rand_score(truth, means(points, 2, starts=3, seed=0).assign(points)[0]) < 0.9
    inside, near, far = found.assign(np.array([[9.0, 0.0], [8.0, 0.5], [-9.0, 0.0]]))[1]
    assert min(inside, far) > 0.98 > near
    assert probability.min() >= 0.5
    assert found.found["converged"] == 1.0
    assert mixture(points, 2, starts=1, max_iter=1, seed=0).found["converged"] == 0.0


def test_galaxies_alike_are_one_group_of_a_mixture():
    found = mixture(np.zeros((20, 2)), 4, starts=1, max_iter=10, seed=0)
    assert found.count == 1
    assert found.assign(np.zeros((3, 2)))[0].tolist() == [0, 0, 0]


def test_others_get_the_region_of_the_nearest_noise_included():
    points, _ = blobs((100, 80, 60), 12)
    points = np.concatenate([points, [[300.0, 300.0, 300.0]]])
    found = regions(points, 3, 5, SHARES)
    groups, size = dense_regions(points, 3, 5, SHARES)
    np.testing.assert_array_equal(found.assign(points)[0], groups)
    assert (found.count, found.found["min_cluster_size"]) == (3, size)
    new, truth = blobs((30, 30, 30), 12, seed=5)
    assigned = found.assign(new)[0]
    assert adjusted_rand_score(truth[assigned >= 0], assigned[assigned >= 0]) == 1.0
    assert found.assign(np.array([[250.0, 300.0, 300.0]]))[0].tolist() == [-1]
