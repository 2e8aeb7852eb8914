"""What a grouping is worth, against slow second implementations and closed forms."""

import math

import numpy as np
import pytest

from selfsup.analysis.agreement import (
    agreement,
    as_classes,
    explained,
    read_classes,
    separation,
    shared_information,
)
from selfsup.catalogue import Catalogue
from selfsup.types import DataError


def slow_silhouette(points, groups):
    """Rousseeuw's own words: how much nearer a galaxy is to its group than to the nearest other one."""
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    values = []
    for i, own in enumerate(groups):
        mates = (groups == own) & (np.arange(len(groups)) != i)
        if not mates.any():
            values.append(0.0)
            continue
        inside = distance[i, mates].mean()
        outside = min(distance[i, groups == other].mean() for other in set(groups) - {own})
        values.append((outside - inside) / max(inside, outside))
    return np.mean(values)


def slow_davies_bouldin(points, groups):
    names = np.unique(groups)
    centres = np.array([points[groups == name].mean(0) for name in names])
    spread = np.array(
        [np.linalg.norm(points[groups == n] - c, axis=1).mean() for n, c in zip(names, centres, strict=True)]
    )
    far = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    ratios = [[(spread[i] + spread[j]) / far[i, j] for j in range(len(names)) if j != i] for i in range(len(names))]
    return np.mean([max(each) for each in ratios])


def test_separation_is_that_of_the_papers():
    rng = np.random.default_rng(0)
    groups = rng.integers(-1, 3, 60)
    points = rng.normal(size=(60, 4)) + 2 * groups[:, None]
    found = separation(points, groups)
    assert found["silhouette"] == pytest.approx(slow_silhouette(points, groups))
    assert found["davies_bouldin"] == pytest.approx(slow_davies_bouldin(points, groups))


def test_separation_of_one_group_or_of_single_galaxies_is_not_defined():
    points = np.arange(8.0).reshape(4, 2)
    assert separation(points, np.zeros(4, dtype=int)) == {}
    assert separation(points, np.arange(4)) == {}
    assert separation(points[:0], np.arange(0)) == {}


def test_shared_information_is_one_for_another_name_and_less_for_finer_groups():
    classes = np.repeat([0, 1, 2], 80)
    assert shared_information(np.array([7, 3, -1])[classes], classes) == pytest.approx(1.0)
    assert shared_information(np.zeros(240), classes) == 0.0
    finer = 8 * classes + np.tile(np.arange(8), 30)  # each class in eight equal parts
    expected = 2 * math.log(3) / (math.log(24) + math.log(3))
    assert shared_information(finer, classes) == pytest.approx(expected)


def test_explained_is_the_variance_between_groups():
    values, groups = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 0, 1, 1])
    assert explained(values, groups) == pytest.approx(4.0 / 5.0)
    assert explained(values, np.arange(4)) == pytest.approx(1.0)
    assert explained(values, np.array([0, 1, 1, 0])) == pytest.approx(0.0)
    assert explained(np.ones(4), groups) == 0.0


def test_words_and_whole_numbers_are_classes_and_fractions_are_cut_into_thirds():
    words = as_classes(np.array(["b", "", "a", "b"], dtype=object))
    assert (words[1], words[0] == words[3], words[0] != words[2]) == (-1, True, True)
    assert as_classes(np.array([4.0, np.nan, -5.0, 4.0])).tolist() == [1, -1, 0, 1]
    assert as_classes(np.array([0.5, 9.0, 3.25, np.nan, 0.6, 8.0, 3.5])).tolist() == [0, 2, 1, -1, 0, 2, 1]
    assert as_classes(np.array([np.nan, np.nan])).tolist() == [-1, -1]


def slow_rand(groups, classes):
    """Hubert & Arabie's words: pairs that both partitions put together, beyond what chance would."""
    pairs = [(i, j) for i in range(len(groups)) for j in range(i)]
    one, two = ([each[i] == each[j] for i, j in pairs] for each in (groups, classes))
    both, expected = sum(a and b for a, b in zip(one, two, strict=True)), sum(one) * sum(two) / len(pairs)
    return (both - expected) / ((sum(one) + sum(two)) / 2 - expected)


def test_agreement_is_of_those_whose_class_is_known():
    rng = np.random.default_rng(0)
    classes = rng.integers(-1, 3, 80)
    groups = np.where(rng.uniform(size=80) < 0.7, classes, rng.integers(0, 3, 80))
    known = classes >= 0
    found = agreement(groups, classes)
    assert found["ari"] == pytest.approx(slow_rand(groups[known], classes[known]))
    assert found["nmi"] == shared_information(groups[known], classes[known])
    assert agreement(groups, np.full(80, -1)) == {}


def test_a_question_is_read_as_its_most_popular_answer():
    shares = {"bar_strong_share": [0.1, 0.6, np.nan], "bar_no_share": [0.9, 0.4, np.nan], "bare_share": [1.0, 1.0, 1.0]}
    galaxies = Catalogue.from_arrays(["a", "b", "c"], np.ones((3, 2)), {**shares, "edge": ["x", "", "y"]}, {})
    assert read_classes(galaxies, "bar").tolist() == ["no", "strong", ""]
    assert read_classes(galaxies, "edge").tolist() == ["x", "", "y"]
    with pytest.raises(DataError, match="did you mean 'edge'"):
        read_classes(galaxies, "egde")
