"""Shares of votes become counts, and the leading path a morphology."""

from pathlib import Path

import numpy as np
import pytest

from selfsup.data.galaxy_challenge import COLUMNS, GalaxyChallenge, morphology
from selfsup.trees import tree
from selfsup.types import ConfigError, DataError

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "gz2_challenge"
CLASSES = ["round", "in-between", "cigar", "edge-on", "spiral", "disk"]
QUESTIONS = tree("gz2")


def reader(folder, **keys):
    values = {"tree": "gz2", "label": "morphology", "classes": CLASSES, "volunteers": 40.0, **keys}
    return GalaxyChallenge(folder=str(folder), size_px=8, cache="", max_unreadable_share=0.0, **values)


def written(folder, rows, columns=COLUMNS):
    """Images 1 to 4 and votes.csv; a row is {column: share}."""
    (folder / "images").mkdir()
    for name in range(1, 5):
        (folder / "images" / f"{name}.jpg").touch()
    lines = [",".join(map(str, (name, *(row.get(column, 0.0) for column in columns)))) for name, row in rows.items()]
    (folder / "votes.csv").write_text("\n".join([",".join(("GalaxyID", *columns)), *lines]) + "\n")
    return folder


ROUND = {"Class1.1": 0.75, "Class1.2": 0.25, "Class7.1": 0.75, "Class6.2": 1.0}
SPIRAL = {"Class1.1": 0.2, "Class1.2": 0.8, "Class2.2": 0.8, "Class3.2": 0.8, "Class4.1": 0.5, "Class4.2": 0.3}
ARTIFACT = {"Class1.3": 1.0}


def votes(**counts):
    table = np.zeros((1, len(QUESTIONS.answers)))
    for answer, count in counts.items():
        table[0, COLUMNS.index(answer.replace("_", "."))] = count
    return table


def test_shares_become_counts_and_the_unlabelled_have_none(tmp_path):
    found = reader(written(tmp_path, {"1": ROUND, "3": SPIRAL, "4": ARTIFACT})).read()
    assert found.ids == ["1", "2", "3", "4"]
    assert found.votes.shape == (4, 37)
    assert found.votes.dtype == np.float32
    assert found.votes[0, 0] == pytest.approx(30)
    assert found.votes[2, COLUMNS.index("Class4.1")] == pytest.approx(20)
    assert not found.votes[1].any()
    assert found.columns["how-rounded_round_share"][0] == pytest.approx(0.75)
    assert found.columns["has-spiral-arms_yes_share"][2] == pytest.approx(0.5)
    assert np.isnan(found.columns["how-rounded_round_share"][1])


def test_the_label_is_the_morphology_without_artifacts(tmp_path):
    found = reader(written(tmp_path, {"1": ROUND, "3": SPIRAL, "4": ARTIFACT})).read()
    assert found.columns["morphology"].tolist() == ["round", "", "spiral", "artifact"]
    np.testing.assert_array_equal(found.label, [0, -1, 4, -1])
    assert found.columns["label"].tolist() == ["round", "", "spiral", ""]
    assert found.classes == tuple(CLASSES)


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        ("round", {"Class1_1": 9, "Class7_1": 9}),
        ("in-between", {"Class1_1": 9, "Class7_2": 9}),
        ("cigar", {"Class1_1": 9, "Class7_3": 9}),
        ("edge-on", {"Class1_2": 9, "Class2_1": 9, "Class9_1": 9}),
        ("spiral", {"Class1_2": 9, "Class2_2": 9, "Class4_1": 9, "Class10_1": 5, "Class11_2": 5}),
        ("disk", {"Class1_2": 9, "Class2_2": 9, "Class4_2": 9, "Class3_1": 9}),
        ("artifact", {"Class1_3": 9, "Class1_1": 8, "Class7_1": 8}),
        ("", {}),
    ],
)
def test_each_kind_is_the_leading_path_of_its_votes(kind, counts):
    assert morphology(QUESTIONS, votes(**counts)).tolist() == [kind]


def test_missing_and_malformed_columns_are_named(tmp_path):
    folder = written(tmp_path, {"1": ROUND}, COLUMNS[:-1])
    with pytest.raises(DataError, match=r"no column 'Class11\.6'"):
        reader(folder).read()
    (folder / "votes.csv").write_text(f"GalaxyID,{','.join(COLUMNS)}\n1,1.5{',0' * 36}\n")
    with pytest.raises(DataError, match=r"galaxy '1', column 'Class1\.1': 1\.5 is not a share"):
        reader(folder).read()
    (folder / "votes.csv").unlink()
    with pytest.raises(DataError, match=r"votes\.csv: no such file"):
        reader(folder).read()


def test_another_tree_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="of the tree gz2"):
        reader(written(tmp_path, {"1": ROUND}), tree="rings").read()


@pytest.mark.skipif(not REAL.is_dir(), reason="the real galaxies are not here")
def test_the_real_challenge():
    found = reader(REAL).read()
    assert len(found.ids) == 9354
    assert (found.votes.sum(axis=1) > 0).sum() == 3751
    assert found.votes[:, :3].sum(axis=1).max() == pytest.approx(40, abs=0.1)
    assert np.bincount(found.label[found.label >= 0]).min() > 50
