"""The state of a campaign on the disk: what is asked, answered and scored, once each."""

import numpy as np
import pytest

from selfsup.tasks._campaign import ANSWERS, Campaign
from selfsup.types import ConfigError, DataError
from selfsup.votes import Question, QuestionTree

TREE = QuestionTree("t", (Question("bar", ("yes", "no")),))


@pytest.fixture
def campaign(tmp_path):
    return Campaign(tmp_path / "c", TREE, {"seed": 0})


def held(campaign, number, ids, votes, likelihood, kept=True):
    each = campaign.round(number)
    each.ask(ids, [0.5] * len(ids))
    each.answer(ids, np.array(votes))
    each.score({"val/log_likelihood": likelihood, "kept": kept})


def test_answers_of_all_rounds_are_known_together(campaign):
    held(campaign, 0, ["a", "007"], [[3, 1], [0, 2]], -2.0)
    held(campaign, 1, ["c,d"], [[5, 0]], -1.0)
    known = campaign.known(["x", "c,d", "007", "a"])
    np.testing.assert_array_equal(known, [[0, 0], [5, 0], [0, 2], [3, 1]])
    assert campaign.asked() == {"a", "007", "c,d"}
    assert [each.number for each in campaign.rounds()] == [0, 1]
    with pytest.raises(DataError, match="'a' is not among the galaxies"):
        campaign.known(["c,d", "007"])


def test_the_last_networks_that_were_kept_are_in_use(campaign):
    assert campaign.kept() is None
    for number, kept in enumerate((True, True, False)):
        held(campaign, number, [f"g{number}"], [[1, 1]], -1.0, kept)
    assert campaign.kept().number == 1


def test_a_round_that_waits_is_not_over(campaign):
    each = campaign.round(0)
    assert each.asked is None
    each.ask(["a", "b"], [2.0, 1.0])
    assert each.asked == ["a", "b"]
    assert each.answers is None
    assert not list(campaign.rounds())
    (each.folder / ANSWERS).write_text("id,bar_yes,bar_no\nb,3,4\nz,1,1\n")  # of people: some are missing, one too many
    assert {galaxy: votes.tolist() for galaxy, votes in each.answers.items()} == {"b": [3, 4]}
    (each.folder / ANSWERS).write_text("id,yes,no\nb,3,4\n")
    with pytest.raises(DataError, match="bar_yes"):
        _ = each.answers


def test_another_campaign_is_refused(campaign):
    Campaign(campaign.folder, TREE, {"seed": 0})
    with pytest.raises(ConfigError, match="another acquisition, seed"):
        Campaign(campaign.folder, TREE, {"seed": 1, "acquisition": "bald"})
