"""Every spelling of the votes gives the same counts, and a part of one is an error."""

from pathlib import Path

import numpy as np
import pytest

from selfsup.data.campaigns import SUFFIXES, TASKS, published_votes, spellings, without_votes
from selfsup.data.tables import Table
from selfsup.trees import TREES, tree
from selfsup.types import DataError


def table(**columns):
    count = len(next(iter(columns.values())))
    values = {name: np.array(column, dtype=np.float64) for name, column in columns.items()}
    return Table(Path("votes.csv"), [str(row) for row in range(count)], values)


def spelt(questions, place, votes):
    """A table that has (n, A) votes in the spelling at this place."""
    columns = {}
    for question in questions.questions:
        known = spellings(questions, question)
        if place < len(known):
            counts = votes[:, questions.slices[question.name]]
            total = counts.sum(axis=1, keepdims=True)
            if known[place].total:
                columns[known[place].total] = total[:, 0]
                counts = np.round(counts / np.maximum(total, 1), 3)
            columns |= dict(zip(known[place].names, counts.T, strict=True))
    return table(**columns)


def counted(questions):
    return np.random.default_rng(0).integers(0, 12, (5, len(questions.answers))).astype(np.float32)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("name", SUFFIXES)
def test_every_campaign_is_read_with_and_without_its_suffix(name, place):
    votes = counted(tree(name))
    read = published_votes(spelt(tree(name), place, votes), tree(name))
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, votes)


@pytest.mark.parametrize("name", TASKS)
def test_the_first_data_releases_are_read_from_counts_or_from_shares(name):
    questions = tree(name)
    assert set(TASKS[name][0]) == {question.name for question in questions.questions}
    votes = counted(questions)
    votes[0] = 0  # nobody was asked
    np.testing.assert_array_equal(published_votes(spelt(questions, 2, votes), questions), votes)


def test_names_of_the_first_data_releases_stand_for_the_answers_of_the_tree():
    words = {
        ("gz2", "bulge-size_no"): "t05_bulge_prominence_a10_no_bulge_count",
        ("gz2", "odd-feature_dust-lane"): "t08_odd_feature_a38_dust_lane_count",
        ("gz_hubble", "spiral-arm-count_5-plus"): "t11_arms_number_a05_more_than_4_fraction",
        ("gz_candels", "merging_neither"): "t16_merging_tidal_debris_a3_neither_frac",
    }
    for (name, answer), column in words.items():
        questions = tree(name)
        question = next(each for each in questions.questions if answer in each.keys)
        assert spellings(questions, question)[2].names[question.keys.index(answer)] == column


def test_votes_of_several_campaigns_are_in_one_table():
    questions = tree("gz_decals5+gz2")
    columns = spelt(questions, 0, counted(questions))
    assert "bar-dr5_strong" in columns.columns
    assert "bar-gz2_yes" in columns.columns
    np.testing.assert_array_equal(published_votes(columns, questions), counted(questions))


def test_a_question_that_a_table_does_not_have_has_no_votes():
    questions = tree("gz2")
    whole = spelt(questions, 1, counted(questions))
    fewer = {name: values for name, values in whole.columns.items() if not name.startswith("odd-feature")}
    votes = published_votes(table(**fewer), questions)
    assert not votes[:, questions.slices["odd-feature"]].any()
    assert votes[:, questions.slices["bar"]].any()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"ra": [1.0]}, "no column 'ring_yes'.*there are: ra"),
        ({"ring_yes": [1.0]}, "no column 'ring_no'"),
        ({"ring_yes": [0.5], "ring_no": [0.5]}, "not fractions"),
    ],
)
def test_a_table_without_votes_or_with_a_part_of_a_question_is_refused(columns, said):
    with pytest.raises(DataError, match=said):
        published_votes(table(**columns), TREES["rings"])


def test_a_share_that_is_none_is_refused():
    votes = counted(tree("gz_candels"))
    columns = spelt(tree("gz_candels"), 2, votes).columns
    columns["t00_smooth_or_featured_a0_smooth_frac"] = np.full(5, 1.5)
    with pytest.raises(DataError, match=r"row 1: t00_smooth_or_featured_a0_smooth_frac is 1\.5 of"):
        published_votes(table(**columns), tree("gz_candels"))


def test_what_says_the_votes_again_is_left_out():
    columns = {
        "ring_yes": [1.0],
        "ring_no": [3.0],
        "ring_total-votes": [4.0],
        "ring_yes_fraction": [0.25],
        "ring_yes_debiased": [0.3],
        "redshift": [0.1],
    }
    assert list(without_votes(table(**columns), TREES["rings"])) == ["ring_yes_debiased", "redshift"]
