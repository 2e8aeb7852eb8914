"""A user's own folder, with and without a table."""

import numpy as np
import pytest

from selfsup.data.images import Images
from selfsup.trees import tree
from selfsup.types import ConfigError, DataError


@pytest.fixture
def images(tmp_path):
    """Writes files and a table, and gives a reader with every key that is not named null."""

    def images(names, table=None, **keys):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        if table is not None:
            (tmp_path / "table.csv").write_text(table)
        null = ("subfolders", "tree", "label", "classes", "id_column", "file_column", "file_pattern", "vote_columns")
        values = {**dict.fromkeys(null), "table": None if table is None else "table.csv", **keys}
        return Images(folder=str(tmp_path), size_px=8, cache="", max_unreadable_share=0.0, **values)

    return images


def test_a_folder_alone_is_enough(images):
    found = images(["007.png", "sub/8.jpg"]).read()
    assert found.ids == ["007", "8"]
    assert [file.name for file in found.files] == ["007.png", "8.jpg"]
    assert (found.votes, found.label, found.columns) == (None, None, {})


def test_subfolders_are_chosen(images):
    names = ["sdss/1.png", "sdss/deep/2.png", "decals/3.png", "4.png"]
    assert images(names, subfolders=["sdss"]).read().ids == ["1", "2"]
    assert images(names, subfolders=["sdss", "decals", "sdss/deep"]).read().ids == ["3", "1", "2"]
    table = "id,path\nx,sdss/1.png\ny,decals/3.png\n"
    assert images(names, table, subfolders=["sdss"], file_column="path").read().ids == ["x", "2"]
    with pytest.raises(DataError, match="hst: no such folder"):
        images(names, subfolders=["hst"]).read()
    for wrong in (["../elsewhere"], []):
        with pytest.raises(ConfigError, match=r"data\.subfolders=.*name folders within"):
            images(names, subfolders=wrong).read()


def test_rows_and_files_are_matched_by_name(images, caplog):
    caplog.set_level("INFO")
    reader = images(
        ["007.png", "8.jpg", "9.jpg"],
        "id,z,kind\n8,0.8,b\n007,0.7,a\n10,1.0,c\n",
        label="kind",
        classes=["a", "b", "c"],
    )
    found = reader.read()
    assert found.ids == ["007", "8", "9"]
    np.testing.assert_array_equal(found.columns["z"], [0.7, 0.8, np.nan])
    np.testing.assert_array_equal(found.label, [0, 1, -1])
    assert "1 of 3 rows have no image: '10'" in caplog.text


def test_the_table_may_name_the_files(images):
    table = "id,path,z\nx,a/1.png,1\ny,b/1.png,2\nz,,3\n"
    found = images(["a/1.png", "b/1.png", "c/2.png"], table, file_column="path").read()
    assert found.ids == ["x", "y", "2"]
    np.testing.assert_array_equal(found.columns["z"], [1, 2, np.nan])


def test_ids_may_have_the_suffix_of_their_files(images):
    found = images(["1.PNG", "a/2.jpg", "3.png"], "id,z\n2.jpg,2\n1.PNG,1\n").read()
    assert found.ids == ["1.PNG", "3", "2.jpg"]
    np.testing.assert_array_equal(found.columns["z"], [1, np.nan, 2])


def test_files_of_other_kinds_are_told_and_who_reads_them(images, caplog):
    with pytest.raises(DataError, match=r"no image .*, 2 .fits files \(data=fits_cutouts\), 1 .tif files .*PNG"):
        images(["1.fits", "2.FITS", "3.tif", ".4.tif", "5.txt"]).read()
    assert images(["6.png"]).read().ids == ["6"]
    assert "left out, 1 .tif files (save them as PNG)" in caplog.text


def test_a_pattern_may_name_the_files(images):
    found = images(["cut_1.png", "cut_2.png"], "id,z\n2,2\n1,1\n", file_pattern="cut_{id}.png").read()
    assert found.ids == ["1", "2"]
    np.testing.assert_array_equal(found.columns["z"], [1, 2])


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "a/../../secret.png", "a\0.png"])
def test_a_path_that_leads_out_of_the_folder_is_refused(images, path):
    with pytest.raises(DataError, match=r"row 1.*is not within"):
        images(["1.png"], f'id,path\nx,"{path}"\n', file_column="path").read()


def test_an_absolute_path_within_the_folder_is_accepted(images, tmp_path):
    assert images(["1.png"], f"id,path\nx,{tmp_path}/1.png\n", file_column="path").read().ids == ["x"]


@pytest.mark.parametrize(
    ("table", "keys", "said"),
    [
        ("id,z\n5,1\n", {}, r"none of its 1 rows has an image.*'5'.*'1\.png'.*data\.id_column"),
        ("id,z\n", {}, "none of its 0 rows"),
        ("id,path\nx,1.png\ny,1.png\n", {"file_column": "path"}, "rows 1 and 2 have the same image"),
        ("id,path\nx,1.png\n", {"file_column": "pth"}, "did you mean 'path'"),
        ("id,path\n2,1.png\n", {"file_column": "path"}, r"would both be galaxy '2'"),
        ("id,z\n1,1\n", {"tree": "rings"}, "no column 'ring_yes'"),
        ("id,ring_yes,ring_no\n1,0.5,0.5\n", {"tree": "rings"}, "not fractions"),
    ],
)
def test_a_table_that_does_not_fit_is_an_error_that_says_why(images, table, keys, said):
    with pytest.raises(DataError, match=said):
        images(["1.png", "2.png"], table, **keys).read()


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        (None, {"label": "kind"}),
        (None, {"tree": "gz2"}),
        ("id,path\n1,1.png\n", {"file_column": "path", "file_pattern": "{id}.png"}),
        ("id,path\n1,1.png\n", {"file_pattern": "1.png"}),
        ("id,y\n1,1\n", {"tree": "rings", "vote_columns": ["y"]}),
    ],
)
def test_keys_that_contradict_each_other_are_refused(images, table, keys):
    with pytest.raises(ConfigError, match=r"data\."):
        images(["1.png"], table, **keys).read()


@pytest.mark.parametrize("suffix", ["", "_votes", "_count"])
def test_votes_are_found_by_the_names_of_the_answers(images, suffix):
    reader = images(["1.png", "2.png"], f"id,ring_yes{suffix},ring_no{suffix}\n1,3,1\n", tree="rings")
    found = reader.read()
    np.testing.assert_array_equal(found.votes, [[3, 1], [0, 0]])
    assert found.votes.dtype == np.float32
    assert found.tree == tree("rings")
    np.testing.assert_array_equal(found.columns["ring_yes_share"], [0.75, np.nan])


def test_votes_of_two_trees_are_in_one_vector(images):
    decals = tree("gz_decals5").answers
    theirs = [f"{question}-gz_decals5_{answer}" for question, _, answer in (name.partition("_") for name in decals)]
    table = f"id,ring-rings_yes,ring-rings_no,{','.join(theirs)}\n1,3,1{',' * len(theirs)}\n2,,,{','.join('2' * 34)}\n"
    found = images(["1.png", "2.png", "3.png"], table, tree="rings+gz_decals5").read()
    np.testing.assert_array_equal(found.votes.sum(1), [4, 68, 0])
    np.testing.assert_array_equal(found.votes[0, :2], [3, 1])
    assert found.tree == tree("rings+gz_decals5")
    np.testing.assert_array_equal(found.columns["ring-rings_yes_share"], [0.75, np.nan, np.nan])


def test_votes_may_have_any_names(images):
    found = images(["1.png"], "id,n,y\n1,1,3\n", tree="rings", vote_columns=["y", "n"]).read()
    np.testing.assert_array_equal(found.votes, [[3, 1]])
