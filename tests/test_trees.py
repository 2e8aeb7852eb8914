import pytest

from selfsup.trees import tree
from selfsup.types import ConfigError


@pytest.mark.parametrize(
    ("name", "n_questions", "n_answers"),
    [("gz2", 11, 37), ("gz_decals5", 10, 34), ("gz_hubble", 12, 34), ("gz_candels", 11, 32), ("rings", 1, 2)],
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
