"""Prepared files: made once, by one of many, and again when the catalogue has changed."""

import threading

import numpy as np
import pytest

from selfsup.catalogue import Catalogue
from selfsup.explorer.maps import Layout, in_square
from selfsup.explorer.prepared import prepare, without_paths
from selfsup.explorer.questions import told, tree_of
from selfsup.trees import tree
from selfsup.types import ConfigError, DataError


@pytest.fixture
def catalogue():
    return Catalogue.from_arrays(["a", "b", "c"], np.eye(3), {"x": [1.0, 2.0, 3.0]}, {})


def layout(calls):
    def places():
        calls.append(1)
        return np.array([[0.0, 0.0], [4.0, 1.0], [2.0, 2.0]])

    return [Layout("pca", "P", places)]


def test_it_is_made_once_however_many_ask_and_again_when_something_changed(catalogue, tmp_path):
    calls, found = [], []
    threads = [
        threading.Thread(
            target=lambda: found.append(prepare(catalogue, tmp_path, {"state": 1}, layout(calls), lambda _: None))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(calls), len({each.version for each in found})) == (1, 1)
    places = np.fromfile(found[0].folder / "maps" / "pca.bin", "<f4").reshape(3, 2)
    np.testing.assert_allclose(places, [[-1, -0.5], [1, 0], [0, 0.5]])
    again = prepare(catalogue, tmp_path, {"state": 2}, layout(calls), lambda _: None)
    assert (len(calls), again.version != found[0].version) == (2, True)
    (again.folder / "manifest.json").write_text("{")
    prepare(catalogue, tmp_path, {"state": 2}, layout(calls), lambda _: None)
    assert len(calls) == 3


def test_what_cannot_be_prepared_is_said(catalogue, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"task\.prepared=DIR"):
        prepare(catalogue, tmp_path / "file", {}, layout([]), lambda _: None)
    with pytest.raises(DataError, match="1 galaxies have no place on the map 'P'"):
        in_square(np.array([[0, 0], [np.nan, 1]]), "P")
    empty = Catalogue.from_arrays([], np.zeros((0, 3)), {}, {})
    with pytest.raises(DataError, match="nothing to explore"):
        prepare(empty, tmp_path / "empty", {}, layout([]), lambda _: None)
    np.testing.assert_array_equal(in_square(np.full((2, 2), 7.0), "P"), 0)


def test_paths_are_not_published():
    given = {"folder": "/home/me/cutouts", "data": {"table": "~/x/labels.csv", "ids": ["../secret/a", "a/b", 3]}}
    assert without_paths(given) == {"folder": "cutouts", "data": {"table": "labels.csv", "ids": ["a", "a/b", 3]}}


@pytest.mark.parametrize("said", ["mean", "share"])
def test_the_tree_is_the_one_of_the_columns(said):
    columns = {f"{answer}_{said}" for answer in tree("gz_decals5").answers}
    assert tree_of(columns, None).questions == tree("gz_decals5").questions
    assert tree_of(columns, "gz_decals8").name == "gz_decals8"  # the same questions
    assert tree_of(columns, "gz2").name == "gz_decals5"
    assert tree_of(columns, "lost").name == "gz_decals5"
    assert tree_of(columns - {f"bar_no_{said}"}, None) is None
    both = columns | {f"{answer}_{said}" for answer in tree("gz2+gz_decals5").answers}
    assert tree_of(both, "gz2+gz_decals5").name == "gz2+gz_decals5"


def test_a_page_is_told_what_leads_where():
    questions = {each["name"]: each for each in told(tree("gz2"))["questions"]}
    assert questions["smooth-or-featured"]["after"] == []
    assert questions["bar"] == {"name": "bar", "answers": ["bar_yes", "bar_no"], "after": ["disk-edge-on_no"]}
