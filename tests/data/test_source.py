"""What all readers share: finding images, shares as columns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from selfsup.data.source import Galaxies, Source, find_images, list_images, with_shares
from selfsup.trees import tree
from selfsup.types import DataError


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
    assert list(find_images(tmp_path / "inside")) == ["1", "2", "3"]  # refused when it is read
    with pytest.raises(DataError, match=r"3\.png is a link that leads out"):
        list_images(tmp_path / "inside")


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


class Kinds(Source):
    def read(self):
        found, table, rows = self.beside_images("kinds.csv", "name")
        return self.finished(Galaxies(list(found), list(found.values()), table.taken(rows)), unknown=["?"])


def kinds(folder, label, classes):
    text = "name,kind,size,other\n2,b,1.5,\nlost,a,9,x\n1,a,2.5,y\n3,?,3.5,z\n"
    (folder / "kinds.csv").write_text(text)
    settings = {"size_px": 8, "cache": "", "max_unreadable_share": 0.0, "tree": None}
    touched(folder, *(f"images/{name}.png" for name in "1234"))
    return Kinds(folder=str(folder), label=label, classes=classes, **settings).read()


def test_a_table_beside_the_images_is_put_in_their_order(tmp_path):
    found = kinds(tmp_path, None, None)
    assert found.ids == ["1", "2", "3", "4"]
    assert [file.name for file in found.files] == ["1.png", "2.png", "3.png", "4.png"]
    assert found.columns["kind"].tolist() == ["a", "b", "?", ""]
    np.testing.assert_array_equal(found.columns["size"], [2.5, 1.5, 3.5, np.nan])
    assert found.label is None
    assert "label" not in found.columns


def test_the_label_comes_with_its_classes_and_as_a_column(tmp_path):
    classes = kinds(tmp_path, "kind", ["a", "b"])
    np.testing.assert_array_equal(classes.label, [0, 1, -1, -1])
    assert classes.classes == ("a", "b")
    assert classes.columns["label"].tolist() == ["a", "b", "", ""]
    values = kinds(tmp_path, "size", None)
    np.testing.assert_array_equal(values.label, np.array([2.5, 1.5, 3.5, np.nan], np.float32))
    assert values.classes == ()
