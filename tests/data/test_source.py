"""What all readers share: finding images, shares as columns, the label."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from selfsup.data.source import Galaxies, find_images, with_label, with_shares
from selfsup.types import DataError
from selfsup.votes import tree


def galaxies(**columns):
    values = {
        name: np.array(column, dtype=object if isinstance(column[0], str) else np.float64)
        for name, column in columns.items()
    }
    count = len(next(iter(values.values())))
    return Galaxies([str(i) for i in range(count)], [Path(f"{i}.png") for i in range(count)], values)


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_images_are_found_below_the_folder_in_order(tmp_path):
    touched(tmp_path, "b/2.JPG", "a/3.jpeg", "1.Png", "notes.txt", ".hidden.png", ".thumbs/4.png", "a/._3.jpg")
    assert list(find_images(tmp_path)) == ["1", "3", "2"]


def test_a_missing_or_empty_folder_is_an_error_with_a_remedy(tmp_path):
    with pytest.raises(DataError, match=r"no such folder.*data\.folder"):
        find_images(tmp_path / "absent")
    with pytest.raises(DataError, match=r"no image.*data\.folder"):
        find_images(touched(tmp_path, "notes.txt"))


def test_two_files_of_one_name_are_an_error_that_names_both(tmp_path):
    with pytest.raises(DataError, match=r"a/1\.png.*b/1\.jpg.*rename"):
        find_images(touched(tmp_path, "a/1.png", "b/1.jpg"))


def test_links_that_lead_out_are_refused_and_others_are_not(tmp_path):
    touched(tmp_path, "secret.png", "inside/1.png")
    (tmp_path / "inside" / "2.png").symlink_to("1.png")
    assert list(find_images(tmp_path / "inside")) == ["1", "2"]
    (tmp_path / "inside" / "3.png").symlink_to("../secret.png")
    with pytest.raises(DataError, match=r"3\.png is a link that leads out"):
        find_images(tmp_path / "inside")


def test_a_linked_folder_that_leads_out_is_refused(tmp_path):
    touched(tmp_path, "elsewhere/1.png", "inside/2.png")
    (tmp_path / "inside" / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="leads out"):
        find_images(tmp_path / "inside")


def test_shares_are_those_of_the_tree_and_unknown_without_votes():
    questions = tree("gz2")
    votes = np.zeros((2, len(questions.answers)), dtype=np.float32)
    for answer, count in {
        "smooth-or-featured_smooth": 10,
        "smooth-or-featured_featured-or-disk": 30,
        "disk-edge-on_yes": 3,
        "disk-edge-on_no": 9,
    }.items():
        votes[1, questions.answers.index(answer)] = count
    columns = with_shares(replace(galaxies(z=[1.0, 2.0]), votes=votes, tree=questions)).columns
    assert columns["smooth-or-featured_smooth_share"][1] == pytest.approx(0.25)
    assert columns["disk-edge-on_yes_share"][1] == pytest.approx(0.75 * 0.25)
    assert all(np.isnan(columns[f"{answer}_share"][0]) for answer in questions.answers)


def test_a_class_becomes_its_index():
    found = with_label(galaxies(kind=["b", "", "a", "b"]), "kind", ["a", "b"], (), "here")
    np.testing.assert_array_equal(found.label, [1, -1, 0, 1])
    assert found.label.dtype == np.int64
    assert found.classes == ("a", "b")
    assert found.columns["label"].tolist() == ["b", "", "a", "b"]


def test_numbers_index_classes_that_are_words():
    found = with_label(galaxies(ring=[1.0, 0.0, np.nan]), "ring", ["no-ring", "ring"], (), "here")
    np.testing.assert_array_equal(found.label, [1, 0, -1])
    assert found.columns["label"].tolist() == ["ring", "no-ring", ""]


def test_numbers_are_matched_with_classes_that_are_numbers():
    found = with_label(galaxies(arms=[2.0, 1.0]), "arms", ["1", "2"], (), "here")
    np.testing.assert_array_equal(found.label, [1, 0])
    with pytest.raises(DataError, match="has 0, not among"):
        with_label(galaxies(arms=[0.0, 1.0, 2.0]), "arms", ["1", "2"], (), "here")


def test_a_value_becomes_a_float():
    found = with_label(galaxies(t=[-2.0, np.nan, 5.5]), "t", None, (), "here")
    assert found.label.dtype == np.float32
    np.testing.assert_array_equal(found.label, [-2.0, np.nan, 5.5])
    assert found.classes == ()
    np.testing.assert_array_equal(found.columns["label"], [-2.0, np.nan, 5.5])


def test_values_that_stand_for_no_class_are_unknown_unless_they_are_named():
    kinds = galaxies(kind=["a", "b", "artifact"])
    np.testing.assert_array_equal(with_label(kinds, "kind", ["a", "b"], ["artifact"], "here").label, [0, 1, -1])
    named = with_label(kinds, "kind", ["a", "b", "artifact"], ["artifact"], "here")
    np.testing.assert_array_equal(named.label, [0, 1, 2])


@pytest.mark.parametrize(
    ("column", "classes", "said"),
    [
        ("knd", ["a", "b"], r"no column 'knd' \(did you mean 'kind'\?\); there are: kind, same, none, z"),
        ("kind", ["a"], "has b, not among.*values there are: a, b"),
        ("kind", ["a", "a", "b"], "twice"),
        ("kind", None, r"holds text.*data\.classes=\[\.\.\.\], from a, b"),
        ("same", ["a", "b"], "only 'a'"),
        ("none", ["a", "b"], "no value at all"),
        ("z", None, "only"),
    ],
)
def test_a_label_that_cannot_be_learnt_is_an_error_that_says_why(column, classes, said):
    found = galaxies(kind=["a", "b"], same=["a", "a"], none=["", ""], z=[1.0, 1.0])
    with pytest.raises(DataError, match=said):
        with_label(found, column, classes, (), "here")
