"""A hunt from several threads: it learns once at a time, goes on taking ratings meanwhile, and comes to an end."""

import threading

import numpy as np
import pytest

from selfsup.analysis.components import reduce
from selfsup.analysis.interest import Bounds
from selfsup.analysis.journal import OFFERED, Journal
from selfsup.catalogue import Catalogue
from selfsup.explorer.hunting import Hunting, Settings
from selfsup.explorer.refusal import Refused
from selfsup.explorer.table import Table, write_table
from selfsup.types import DataError

COUNT = 20


@pytest.fixture
def made(tmp_path):
    """What a hunt is made of, but for the field."""
    rng = np.random.default_rng(0)
    catalogue = Catalogue.from_arrays([f"g{i}" for i in range(COUNT)], rng.normal(size=(COUNT, 5)), {}, {})
    write_table(catalogue, [], tmp_path / "rows.arrow", lambda _: None)
    settings = Settings(tmp_path / "ratings.jsonl", "eve", 8, Bounds((1, 100), (0.1, 100), (0.1, 10)), 0.5, 0)
    return Table(tmp_path / "rows.arrow"), lambda: reduce(catalogue, 3, lambda whole: whole.batches(7)), settings


def test_it_learns_once_at_a_time_and_takes_ratings_meanwhile(made):
    table, field, settings = made
    begun, go_on = threading.Event(), threading.Event()

    def slowly():
        begun.set()
        assert go_on.wait(10)
        return field()

    hunt = Hunting(table, slowly, settings)
    hunt.rate(3, 5)
    learning = threading.Thread(target=hunt.learn, args=(True,))
    learning.start()
    assert begun.wait(10)
    with pytest.raises(Refused, match="learning already") as refused:
        hunt.learn(offer=True)
    assert refused.value.status == 409
    state = hunt.rate(4, 1)
    assert (state["learning"], len(state["rated"]), state["learned_from"]) == (True, 2, 0)
    go_on.set()
    learning.join()
    assert (hunt.state()["learning"], hunt.state()["learned_from"]) == (False, 2)
    for row in (3, 4):
        hunt.rate(row, None)
    assert hunt.learn(offer=True)["learned_from"] == 0
    with pytest.raises(Refused, match="Nothing has been learned"):
        hunt.interest()


def test_a_fault_ends_the_learning_and_is_said(made):
    table, _, settings = made

    def alike():
        raise DataError("the embeddings are all the same")

    hunt = Hunting(table, alike, settings)
    for _ in range(2):
        with pytest.raises(DataError, match="all the same"):
            hunt.learn(offer=True)
    assert not hunt.state()["learning"]


def test_everything_is_offered_once_and_then_it_is_over(made):
    table, field, settings = made
    hunt, offered = Hunting(table, field, settings), []
    for _ in range(3):
        offered += hunt.learn(offer=True)["batch"]
    assert sorted(offered) == list(range(COUNT))
    assert hunt.learn(offer=True)["batch"] == []
    assert [entry.rating for entry in Journal(settings.journal).entries()] == [OFFERED] * COUNT


def test_galaxies_of_other_catalogues_and_other_people_stay_in_the_journal(made):
    table, field, settings = made
    journal = Journal(settings.journal)
    journal.add([("elsewhere", 5), ("g2", 4)], "bob")
    journal.add([("g3", OFFERED)], "bob")
    hunt = Hunting(table, field, settings)
    state = hunt.learn(offer=False)
    assert [each[:2] for each in state["rated"]] == [[2, 4.0]]
    assert len(state["batch"]) == 8  # not bob's
    assert len(hunt.ratings_csv().splitlines()) == 3
