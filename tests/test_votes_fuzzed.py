"""Whatever is called a question tree, or votes, is one or is refused by name; what a tree then says adds up."""

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from selfsup import trees
from selfsup.types import ConfigError
from selfsup.votes import Question, QuestionTree
from tests.fuzzing import ODD, answer, often, tried

pytestmark = pytest.mark.promise("inputs")
WORDS = st.sampled_from(["bar", "ring", "yes", "no", "bar_yes", "ring_no", "bar_", *ODD]) | st.text(max_size=5)


@st.composite
def questions(draw):
    """Few names, so that they meet; parents mostly among the answers so far."""
    known, made = [], []
    for _ in range(draw(st.integers(0, 4))):
        parents = st.sampled_from(known) | WORDS if known else WORDS
        made.append(
            Question(
                draw(WORDS),
                tuple(draw(st.lists(WORDS, max_size=4))),
                tuple(draw(st.lists(parents, max_size=2))) if draw(st.booleans()) else (),
            )
        )
        known += made[-1].keys
    return tuple(made)


@st.composite
def whole_trees(draw):
    """Trees that are accepted: names differ, parents come first."""
    made, known = [], []
    for number in range(draw(st.integers(1, 5))):
        answers = tuple(f"a{each}" for each in range(draw(st.integers(1, 4))))
        parents = draw(st.lists(st.sampled_from(known), unique=True, max_size=3)) if known else []
        made.append(Question(f"q{number}", answers, tuple(parents)))
        known += made[-1].keys
    return QuestionTree("made", tuple(made))


@often(200, 20_000)
def test_any_questions_are_a_tree_or_refused(examples, record_property):
    def body(made):
        found, refusal = answer(QuestionTree, "made", made)
        if refusal:
            assert "question tree 'made'" in refusal
            return
        assert len(set(found.answers)) == len(found.answers)
        covered = [column for part in found.slices.values() for column in range(part.start, part.stop)]
        assert covered == list(range(len(found.answers)))
        assert all(f"{question.name}?" in found.diagram() for question in made)

    tried(body, examples, record_property, made=questions())


@often(200, 20_000)
def test_any_name_is_a_tree_or_refused(examples, record_property):
    names = st.sampled_from([*trees.TREES, *ODD]) | st.text(max_size=8)

    def body(parts):
        name = trees.JOINT.join(parts)
        found, refusal = answer(trees.tree, name)
        assert set(parts) <= set(trees.TREES) if found else "question tree '" in refusal

    tried(body, examples, record_property, parts=st.lists(names, max_size=3))


@often(100, 5_000)
def test_what_a_tree_says_adds_up(examples, record_property):
    """Shares of a question are those that reach it, at most everyone; the scale of votes says nothing."""

    def body(tree, data, scale):
        shape = (data.draw(st.integers(0, 4)), len(tree.answers))
        votes = data.draw(arrays.arrays(np.float64, shape, elements=st.sampled_from([0, 0, 1, 2, 5, 0.25, 40])))
        fractions = tree.fractions(votes)
        np.testing.assert_allclose(fractions, tree.fractions(votes * scale), rtol=1e-9)
        shares, asked = tree.shares(fractions), tree.asked(fractions)
        assert ((asked >= 0) & (asked <= 1) | np.isnan(asked)).all()
        for number, part in enumerate(tree.slices.values()):
            answered = votes[:, part].sum(axis=1) > 0
            np.testing.assert_allclose(fractions[answered, part].sum(axis=1), 1)
            np.testing.assert_allclose(shares[answered, part].sum(axis=1), asked[answered, number], rtol=1e-9)
        assert len(tree.leading_path(votes)) == len(votes)
        counts = tree.expected_counts(shares, 40)
        assert np.isfinite(counts).all()
        assert (counts <= 40.001).all()

    tried(
        body, examples, record_property, tree=whole_trees(), data=st.data(), scale=st.sampled_from([1, 2, 1e-6, 1e200])
    )


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=6,
)


@often(200, 20_000)
def test_any_votes_are_read_or_refused(examples, record_property):
    """Text, holes, infinities, numbers beyond all floats, tables of any shape."""
    tree = trees.tree("rings")
    numbers = arrays.arrays(np.float64, st.tuples(st.integers(0, 3), st.integers(0, 3)), elements=st.floats())

    def body(votes):
        for ask in (tree.fractions, tree.leading_path):
            found, refusal = answer(ask, votes)
            if refusal:
                assert "question tree 'rings'" in refusal or "is not a number of votes" in refusal
            elif ask == tree.fractions:
                assert ((found >= 0) & (found <= 1) | np.isnan(found)).all()

    tried(body, examples, record_property, votes=numbers | ANYTHING)


@pytest.mark.parametrize("volunteers", [0, -1, float("nan"), float("inf")])
def test_as_many_volunteers_as_there_are_not_are_refused(volunteers):
    with pytest.raises(ConfigError, match="volunteers"):
        trees.tree("rings").expected_counts([[0.5, 0.5]], volunteers)
