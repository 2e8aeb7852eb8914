"""Of which galaxies a question is relevant, and what is true of them and was said."""

import numpy as np
import pytest

from selfsup import trees
from selfsup.probes.verdict import Relevance, of_classes, of_question
from selfsup.votes import Question, QuestionTree

TREE = QuestionTree("small", (Question("shape", ("smooth", "disk")), Question("bar", ("yes", "no"), ("shape_disk",))))
#                  smooth disk yes no
VOTES = np.array([[10, 30, 28, 2],  # all but certain of a bar
                  [20, 20, 10, 10],  # half were asked: just relevant; no majority
                  [30, 10, 9, 1],  # a quarter were asked
                  [1, 3, 3, 0],  # too few people
                  [0, 0, 0, 0],  # nobody
                  [5, 35, 14, 21]], dtype=np.float32)  # fmt: skip
SHARES = np.array([[0.3, 0.7, 0.6, 0.1],
                   [0.5, 0.5, 0.2, 0.3],
                   [0.7, 0.3, 0.2, 0.1],
                   [0.2, 0.8, 0.6, 0.2],
                   [0.2, 0.8, 0.6, 0.2],
                   [0.0, 0.0, 0.0, 0.0]])  # fmt: skip


def test_a_question_counts_where_enough_were_asked():
    bar = of_question(TREE, "bar", VOTES, SHARES, Relevance(fewest_asked=10, asked_share=0.5))
    assert bar.names == ("yes", "no")
    assert bar.rows.tolist() == [0, 1, 5]
    assert bar.true.tolist() == [0, 0, 1]  # of a tie, the first
    assert bar.holds.tolist() == [[True, False], [False, False], [False, True]]
    assert bar.sure == pytest.approx([28 / 30, 0.5, 21 / 35])
    np.testing.assert_allclose(bar.chance, [[6 / 7, 1 / 7], [0.4, 0.6], [0.5, 0.5]])  # nothing predicted: all alike
    assert bar.said.tolist() == [0, 1, 0]


def test_everyone_counts_where_nothing_is_asked_for_but_not_those_without_votes():
    loose = Relevance(fewest_asked=0, asked_share=0.0)
    assert of_question(TREE, "bar", VOTES, SHARES, loose).rows.tolist() == [0, 1, 2, 3, 5]
    assert of_question(TREE, "shape", VOTES, SHARES, loose).rows.tolist() == [0, 1, 2, 3, 5]
    assert len(of_question(TREE, "bar", VOTES, SHARES, Relevance(50, 0.5)).rows) == 0


def test_galaxies_without_a_prediction_do_not_count():
    shares = SHARES.copy()
    shares[0] = np.nan
    assert of_question(TREE, "bar", VOTES, shares, Relevance(10, 0.5)).rows.tolist() == [1, 5]


def test_each_survey_of_a_joint_tree_has_its_own_galaxies():
    tree = trees.tree("rings+gz_decals5")
    votes = np.zeros((2, len(tree.answers)), dtype=np.float32)
    votes[0, tree.slices["ring-rings"]] = (5, 25)
    votes[1, tree.slices["smooth-or-featured-gz_decals5"]] = (20, 10, 0)
    shares = np.full(votes.shape, 0.1)
    of = {q: of_question(tree, q, votes, shares, Relevance(10, 0.5)).rows.tolist() for q in tree.slices}
    assert of.pop("ring-rings") == [0]
    assert of.pop("smooth-or-featured-gz_decals5") == [1]
    assert not any(of.values())


def test_classes_are_the_likeliest_and_unknown_ones_do_not_count():
    true = np.array(["spiral", "", "disk", "ring", "spiral"], dtype=object)
    chances = {"disk": np.array([0.2, 0.5, 0.7, 0.6, np.nan]), "spiral": np.array([0.8, 0.5, 0.3, 0.4, np.nan])}
    found = of_classes(true, chances)
    assert found.names == ("disk", "spiral", "ring")
    assert found.rows.tolist() == [0, 2, 3]
    assert found.true.tolist() == [1, 0, 2]
    assert found.said.tolist() == [1, 0, 0]  # a class without chances is never said
    assert found.holds.tolist() == [[False, True, False], [True, False, False], [False, False, True]]
    assert np.isnan(found.sure).all()


def test_one_class_is_looked_for_among_all_others():
    found = of_classes(np.array(["1", "0", "2", ""], dtype=object), {"1": np.array([0.9, 0.2, 0.6, 0.5])})
    assert found.names == ("other", "1")
    assert found.true.tolist() == [1, 0, 0]
    assert found.said.tolist() == [1, 0, 1]
    np.testing.assert_allclose(found.chance.sum(1), 1.0)
