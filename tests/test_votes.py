import re
from pathlib import Path

import numpy as np
import pytest

from selfsup.trees import TREES, tree
from selfsup.types import ConfigError, DataError
from selfsup.votes import Question, QuestionTree

CHALLENGE = Path(__file__).parents[2] / "shared" / "data" / "gz2_challenge" / "votes.csv"

# The file prints six decimals (nine below the first question), a question's sum is off by up to 1.53e-6 (measured).
# Going through float32 counts adds about 1e-7: 1.66e-6 at worst, above 1e-6 in 24 of 3,751 rows.
ROUNDING = 2e-6


@pytest.fixture
def small() -> QuestionTree:
    return QuestionTree(
        "small",
        (
            Question("shape", ("smooth", "disk", "star")),
            Question("bar", ("yes", "no"), ("shape_disk",)),
            Question("merging", ("yes", "no"), ("shape_smooth", "shape_disk")),
        ),
    )


@pytest.fixture(scope="module")
def challenge() -> tuple[list[str], np.ndarray]:
    if not CHALLENGE.exists():
        pytest.skip(f"the Galaxy Challenge's votes are not at {CHALLENGE}")
    with CHALLENGE.open() as file:
        header = file.readline().strip().split(",")
        return header, np.loadtxt(file, delimiter=",")[:, 1:]


def slow_shares(tree: QuestionTree, fractions: dict[str, float]) -> dict[str, float]:
    """The definition, by recursion from each answer up to the roots."""
    owner = {key: question for question in tree.questions for key in question.keys}

    def share(key: str) -> float:
        parents = owner[key].parents
        return fractions[key] * (min(1.0, sum(share(parent) for parent in parents)) if parents else 1.0)

    return {key: share(key) for key in tree.answers}


@pytest.mark.parametrize("name", TREES)
def test_slices_cover_the_columns_in_order(name: str) -> None:
    found = tree(name)
    for question in found.questions:
        assert found.answers[found.slices[question.name]] == question.keys
    assert [column for s in found.slices.values() for column in range(s.start, s.stop)] == [*range(len(found.answers))]


@pytest.mark.parametrize("name", TREES)
def test_shares_agree_with_the_recursive_definition(name: str) -> None:
    found = tree(name)
    votes = np.random.default_rng(0).integers(1, 40, (5, len(found.answers)))
    fractions = found.fractions(votes)
    shares = found.shares(fractions)
    for row in range(5):
        slow = slow_shares(found, dict(zip(found.answers, fractions[row], strict=True)))
        np.testing.assert_allclose(shares[row], [slow[key] for key in found.answers], rtol=1e-12)


def test_fractions_are_of_those_who_answered(small: QuestionTree) -> None:
    fractions = small.fractions([[10, 30, 0, 3, 1, 0, 0]])
    np.testing.assert_array_equal(fractions, [[0.25, 0.75, 0, 0.75, 0.25, np.nan, np.nan]])


def test_asked_sums_over_parents(small: QuestionTree) -> None:
    fractions = np.array([[0.2, 0.5, 0.3, 0.5, 0.5, 1, 0]])
    np.testing.assert_allclose(small.asked(fractions), [[1, 0.5, 0.7]])
    np.testing.assert_allclose(small.shares(fractions), [[0.2, 0.5, 0.3, 0.25, 0.25, 0.7, 0]])


def test_asked_is_never_above_one(small: QuestionTree) -> None:
    assert small.asked([[0.500001, 0.500001, 0, 0.5, 0.5, 1, 0]])[0, 2] == 1


def test_unknown_fractions(small: QuestionTree) -> None:
    nobody_there = small.shares(small.fractions([[8, 0, 2, 0, 0, 1, 1]]))
    np.testing.assert_allclose(nobody_there, [[0.8, 0, 0.2, 0, 0, 0.4, 0.4]])
    nobody_answered = small.shares(small.fractions([[8, 2, 0, 0, 0, 1, 1]]))
    np.testing.assert_allclose(nobody_answered, [[0.8, 0.2, 0, np.nan, np.nan, 0.5, 0.5]])
    unseen = small.shares(small.fractions(np.zeros((1, 7))))
    assert np.isnan(unseen).all()
    assert not small.expected_counts(unseen, volunteers=40).any()


def test_expected_counts_scale_with_volunteers(small: QuestionTree) -> None:
    counts = small.expected_counts([[0.2, 0.5, 0.3, 0.25, 0.25, 0.7, 0]], volunteers=40)
    assert counts.dtype == np.float32
    np.testing.assert_allclose(counts, [[8, 20, 12, 10, 10, 28, 0]], rtol=1e-6)


def test_leading_path(small: QuestionTree) -> None:
    votes = [
        [1, 7, 2, 4, 3, 1, 6],  # a disk, barred, not merging
        [6, 3, 1, 2, 1, 0, 6],  # smooth: whether it is barred does not matter
        [1, 2, 9, 2, 0, 1, 0],  # a star: nothing follows
        [0, 5, 0, 0, 0, 0, 0],  # a disk of which nothing else was asked
        [3, 3, 0, 1, 1, 1, 1],  # equals: the first
        [0, 0, 0, 0, 0, 0, 0],
    ]
    assert small.leading_path(votes) == [
        ("shape_disk", "bar_yes", "merging_no"),
        ("shape_smooth", "merging_no"),
        ("shape_star",),
        ("shape_disk",),
        ("shape_smooth", "merging_yes"),
        (),
    ]


def test_leading_path_starts_at_the_first_root_only() -> None:
    found = tree("gz2")
    assert found.leading_path(np.ones((1, 37))) == [("smooth-or-featured_smooth", "how-rounded_round")]


def test_diagram_shows_each_question_under_its_parents(small: QuestionTree) -> None:
    assert small.diagram().splitlines() == [
        "small: 3 questions, 7 answers",
        "shape?",
        "  smooth",
        "    merging?",
        "      yes",
        "      no",
        "  disk",
        "    bar?",
        "      yes",
        "      no",
        "    merging? (as above)",
        "  star",
    ]


@pytest.mark.parametrize(
    ("questions", "complaint"),
    [
        ((), "no questions"),
        ((Question("a", ()),), "no answers"),
        ((Question("a", ("x", "x")),), "'a_x' is there twice"),
        ((Question("a", ("x",)), Question("a", ("y",))), "'a' is there twice"),
        ((Question("a", ("b_c",)), Question("a_b", ("c",))), "'a_b_c' is there twice"),
        ((Question("a", ("yes",)), Question("b", ("x",), ("a_yes", "a_yes"))), "'a_yes' is there twice"),
        ((Question("a", ("yes",)), Question("b", ("x",), ("a_yse",))), "did you mean 'a_yes'"),
        ((Question("a", ("x",), ("b_x",)), Question("b", ("x",), ("a_x",))), "before its parent 'b_x'"),
        ((Question("a", ("x",), ("a_x",)),), "before its parent 'a_x'"),
    ],
)
def test_what_is_not_a_tree_is_refused(questions: tuple[Question, ...], complaint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)):
        QuestionTree("broken", questions)


@pytest.mark.parametrize("votes", [[[1, -1]], [[np.nan, 1]], [[1, 2, 3]], [1, 2]])
def test_what_are_no_votes_is_refused(votes: list[list[float]]) -> None:
    with pytest.raises(DataError):
        tree("rings").fractions(votes)
    with pytest.raises(DataError):
        tree("rings").leading_path(votes)


@pytest.mark.parametrize("volunteers", [0, -1, float("nan")])
def test_volunteers_must_be_positive(volunteers: float) -> None:
    with pytest.raises(ConfigError, match="volunteers"):
        tree("rings").expected_counts([[0.5, 0.5]], volunteers)


def test_challenge_columns_are_the_tree_in_order(challenge: tuple[list[str], np.ndarray]) -> None:
    header, shares = challenge
    questions = enumerate(tree("gz2").questions, start=1)
    columns = [f"Class{q}.{a}" for q, question in questions for a in range(1, len(question.answers) + 1)]
    assert header == ["GalaxyID", *columns]
    assert shares.shape[1] == len(tree("gz2").answers)


def test_challenge_answers_sum_to_their_parent(challenge: tuple[list[str], np.ndarray]) -> None:
    _, shares = challenge
    found = tree("gz2")
    for question in found.questions:
        total = shares[:, found.slices[question.name]].sum(axis=1)
        parents = [found.answers.index(parent) for parent in question.parents]
        expected = shares[:, parents].sum(axis=1) if parents else 1
        np.testing.assert_allclose(total, expected, rtol=0, atol=ROUNDING, err_msg=question.name)


def test_challenge_survives_the_way_to_counts_and_back(challenge: tuple[list[str], np.ndarray]) -> None:
    _, shares = challenge
    found = tree("gz2")
    again = found.shares(found.fractions(found.expected_counts(shares, volunteers=40)))
    deviating = (np.abs(again - shares) > ROUNDING).any(axis=1)
    assert deviating.sum() == 0, (
        f"{deviating.sum()} of {len(shares)} rows deviate by up to {np.abs(again - shares).max()}"
    )
    # Without the tree they would not come back: the test above can fail.
    assert (np.abs(np.nan_to_num(found.fractions(shares)) - shares) > 0.01).any(axis=1).mean() > 0.9
