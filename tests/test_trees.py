import math

import numpy as np
import pytest

from selfsup.trees import joined, tree
from selfsup.types import ConfigError


@pytest.mark.parametrize(
    ("name", "n_questions", "n_answers"),
    [
        ("gz2", 11, 37),
        ("gz_decals5", 10, 34),
        ("gz_decals12", 10, 30),
        ("gz_decals8", 10, 34),
        ("gz_ukidss", 11, 37),
        ("gz_hubble", 12, 34),
        ("gz_candels", 11, 32),
        ("rings", 1, 2),
    ],
)
def test_trees_have_the_published_size(name: str, n_questions: int, n_answers: int) -> None:
    found = tree(name)
    assert found.name == name
    assert len(found.questions) == n_questions
    assert len(found.answers) == len(set(found.answers)) == n_answers


def test_gz2_answers_have_the_order_of_the_challenge() -> None:
    assert [" ".join(question.answers) for question in tree("gz2").questions] == [
        "smooth featured-or-disk artifact",  # Class1.1, Class1.2, Class1.3
        "yes no",
        "yes no",
        "yes no",
        "no just-noticeable obvious dominant",
        "yes no",
        "round in-between cigar",
        "ring lens-or-arc disturbed irregular other merger dust-lane",
        "round boxy no-bulge",
        "tight medium loose",
        "1 2 3 4 more-than-4 cant-tell",
    ]


# Parents of the questions that follow several answers, or that published schemas disagree on.
PARENTS = {
    ("gz2", "something-odd"): set(),
    ("gz_decals5", "merging"): {"smooth-or-featured_smooth", "smooth-or-featured_featured-or-disk"},
    ("gz_candels", "merging"): {"smooth-or-featured_smooth", "smooth-or-featured_features"},
    ("gz_candels", "spiral-winding"): {"has-spiral-arms_yes"},
    ("gz_candels", "spiral-arm-count"): {"has-spiral-arms_yes"},
}


@pytest.mark.parametrize(("name", "question"), PARENTS)
def test_parents_are_those_of_the_project(name: str, question: str) -> None:
    (found,) = [each for each in tree(name).questions if each.name == question]
    assert set(found.parents) == PARENTS[name, question]


def test_an_artifact_in_candels_is_asked_nothing_more() -> None:
    found = tree("gz_candels")
    votes = [[10.0 if answer == "smooth-or-featured_artifact" else 0.0 for answer in found.answers]]
    asked = found.asked(found.fractions(votes))[0]
    assert dict(zip([question.name for question in found.questions], asked, strict=True))["merging"] == 0
    assert asked.sum() == 1


def test_unknown_tree_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'gz_hubble'"):
        tree("gz_huble")


def test_several_trees_in_one_have_all_questions_by_the_name_of_their_tree() -> None:
    found = tree("gz2+gz_decals5")
    assert found.name == "gz2+gz_decals5"
    assert found == joined(["gz2", "gz_decals5"])
    parts = [tree("gz2"), tree("gz_decals5")]
    assert len(found.answers) == sum(len(part.answers) for part in parts) == len(set(found.answers))
    assert found.answers[0] == "smooth-or-featured-gz2_smooth"
    assert found.answers[37:40] == tuple(
        f"smooth-or-featured-gz_decals5_{answer}" for answer in ("smooth", "featured-or-disk", "artifact")
    )
    assert found.slices["bar-gz_decals5"] == slice(37 + 7, 37 + 10)
    (winding,) = [question for question in found.questions if question.name == "spiral-winding-gz2"]
    assert winding.parents == ("has-spiral-arms-gz2_yes",)


def test_a_galaxy_has_votes_in_its_own_tree_alone() -> None:
    found, gz2 = tree("rings+gz2"), tree("gz2")
    votes = np.zeros((2, 2 + len(gz2.answers)))
    votes[0, :2] = 3, 1
    votes[1, 2:] = np.arange(1, 1 + len(gz2.answers))
    shares = found.shares(found.fractions(votes))
    np.testing.assert_array_equal(shares[0, :2], [0.75, 0.25])
    assert np.isnan(shares[0, 2:]).all()
    assert np.isnan(shares[1, :2]).all()
    np.testing.assert_array_equal(shares[1, 2:], gz2.shares(gz2.fractions(votes[1:, 2:]))[0])
    asked = found.asked(found.fractions(votes))
    assert asked[1, 1] == 1
    assert math.isnan(asked[0, 2])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gz2+gz_huble", "did you mean 'gz_hubble'"),
        ("gz2+rings+gz2", r"'gz2\+rings\+gz2': 'gz2' is named twice"),
        ("gz2+", "no question tree ''"),
    ],
)
def test_trees_that_cannot_be_joined(name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        tree(name)
