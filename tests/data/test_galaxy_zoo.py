"""Folders of the published layouts: images in folders, catalogues beside them, a file that names the images."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from selfsup.data.galaxy_zoo import GalaxyZoo, leading_answers
from selfsup.trees import tree
from selfsup.types import ConfigError, DataError


def reader(folder, catalogues, id_column, name, **keys):
    values = {"names": None, "label": None, "classes": None, **keys}
    shared = {"folder": str(folder), "size_px": 8, "cache": "", "max_unreadable_share": 0.0}
    return GalaxyZoo(**shared, catalogues=catalogues, id_column=id_column, tree=name, **values)


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def columns(name, suffix="", **votes):
    """All columns of a tree, {question}{suffix}_{answer}, zero where `votes` says nothing."""
    questions = tree(name).questions
    keys = [f"{question.name}{suffix}_{answer}" for question in questions for answer in question.answers]
    given = {key.replace("__", "-"): value for key, value in votes.items()}
    count = len(next(iter(given.values())))
    return {key: given.pop(key, [0] * count) for key in keys} | given


def written(file, **values):
    if file.suffix == ".parquet":
        pq.write_table(pa.table(values), file)
    else:
        rows = zip(*values.values(), strict=True)
        file.write_text("\n".join(",".join(map(str, row)) for row in [tuple(values), *rows]) + "\n")


def test_galaxy_zoo_decals_as_on_zenodo(tmp_path):
    touched(tmp_path, "gz_decals_dr5_png_part1/J004/J004.png", "gz_decals_dr5_png_part2/J112/J112953.88-000427.4.png")
    votes = {"smooth__or__featured_smooth": [3, 30], "smooth__or__featured_featured__or__disk": [9, 2]}
    rest = {"smooth__or__featured_total__votes": [12, 32], "smooth__or__featured_smooth_debiased": [0.2, 0.9]}
    names = ["J112953.88-000427.4", "J999"]
    file = tmp_path / "gz_decals_volunteers_5.parquet"
    written(file, iauname=names, redshift=[0.05, 0.1], **columns("gz_decals5", **votes, **rest))
    classes = ["smooth", "featured-or-disk"]
    source = reader(tmp_path, [file.name], "iauname", "gz_decals5", label="smooth-or-featured", classes=classes)
    with pytest.raises(DataError, match="only 'featured-or-disk'"):  # of two images, one has votes
        source.read()
    found = reader(tmp_path, [file.name], "iauname", "gz_decals5").read()
    assert found.ids == ["J004", "J112953.88-000427.4"]
    assert found.columns["smooth-or-featured"].tolist() == ["", "featured-or-disk"]
    assert found.votes[1, :3].tolist() == [3, 9, 0]
    np.testing.assert_array_equal(found.columns["redshift"], [np.nan, 0.05])
    np.testing.assert_array_equal(found.columns["smooth-or-featured_smooth_debiased"], [np.nan, 0.2])
    assert "smooth-or-featured_total-votes" not in found.columns
    assert found.columns["smooth-or-featured_smooth_share"][1] == pytest.approx(0.25)


def test_galaxy_zoo_2_as_on_zenodo(tmp_path):
    touched(tmp_path, "images/100.jpg", "images/101.jpg", "images/102.jpg")
    ids = [587722981736120347, 587722981736120348]
    values = {"t01_smooth_or_features_a01_smooth": [20, 5], "t01_smooth_or_features_a02_features_or_disk": [4, 30]}
    counts = {f"{task}_count": votes for task, votes in values.items()}
    others = {"t01_smooth_or_features_a03_star_or_artifact_count": [0, 1]}
    shares = {f"{task}_fraction": [0.5, 0.5] for task in values}
    written(tmp_path / "gz2_hart16.csv", dr7objid=ids, ra=[1.0, 2.0], **counts, **others, **shares)
    written(tmp_path / "gz2_filename_mapping.csv", objid=ids, sample=["original"] * 2, asset_id=[101, 100])
    source = reader(
        tmp_path,
        ["gz2_hart16.csv"],
        "dr7objid",
        "gz2",
        names="gz2_filename_mapping.csv",
        label="smooth-or-featured",
        classes=["smooth", "featured-or-disk"],
    )
    found = source.read()
    assert found.ids == ["100", "101", "102"]
    assert found.votes[:, :3].tolist() == [[5, 30, 1], [20, 4, 0], [0, 0, 0]]
    np.testing.assert_array_equal(found.label, [1, 0, -1])
    np.testing.assert_array_equal(found.columns["ra"], [2, 1, np.nan])
    assert found.columns["dr7objid"].tolist() == [str(ids[1]), str(ids[0]), ""]


def test_two_catalogues_and_names_of_files_as_ids(tmp_path):
    touched(tmp_path, "images/10000325.jpg", "images/20163083.jpg")
    for part, name, smooth in (("train", "20163083.jpg", 7), ("test", "10000325.jpg", 8)):
        votes = columns("gz_hubble", "-hubble", **{"smooth__or__featured__hubble_smooth": [smooth]})
        written(tmp_path / f"hubble_ortho_{part}_catalog.parquet", filename=[name], **votes)
    catalogues = [f"hubble_ortho_{part}_catalog.parquet" for part in ("train", "test")]
    found = reader(tmp_path, catalogues, "filename", "gz_hubble").read()
    assert found.votes[:, 0].tolist() == [8, 7]


def test_a_galaxy_in_two_catalogues_is_an_error(tmp_path):
    touched(tmp_path, "1.jpg")
    for name in ("a.csv", "b.csv"):
        written(tmp_path / name, id=[1], ring_yes=[1], ring_no=[0])
    with pytest.raises(DataError, match=r"galaxy '1' is in two of"):
        reader(tmp_path, ["a.csv", "b.csv"], "id", "rings").read()


def test_what_does_not_fit_is_an_error_that_says_why(tmp_path):
    touched(tmp_path, "7.jpg")
    written(tmp_path / "a.csv", id=["x"], ring_yes=[1], ring_no=[0])
    with pytest.raises(DataError, match=r"none of 1 images.*'7'.*'x'.*data\.id_column"):
        reader(tmp_path, ["a.csv"], "id", "rings").read()
    with pytest.raises(DataError, match=r"b\.csv: no such file"):
        reader(tmp_path, ["b.csv"], "id", "rings").read()
    for catalogues, name in (([], "rings"), (["a.csv"], None)):
        with pytest.raises(ConfigError, match=r"data\.tree and data\.catalogues"):
            reader(tmp_path, catalogues, "id", name).read()


def test_the_leading_answer_is_of_the_questions_put_to_everyone():
    votes = np.zeros((2, len(tree("gz2").answers)))
    votes[1, :3] = 1, 5, 2
    leading = leading_answers(tree("gz2"), votes)
    assert list(leading) == ["smooth-or-featured", "something-odd"]
    assert leading["smooth-or-featured"].tolist() == ["", "featured-or-disk"]
