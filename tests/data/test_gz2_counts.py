"""The file's 37 columns are put to the 37 answers of the tree, whatever their order in the file."""

from pathlib import Path

import numpy as np
import pytest

from selfsup.data.gz2_counts import COLUMNS, GZ2Counts
from selfsup.trees import tree
from selfsup.types import DataError

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "gz2_counts"
CLASSES = ["round", "in-between", "cigar", "edge-on", "spiral", "disk"]
QUESTIONS = tree("gz2")

WORDS = {
    **{"t01": "smooth-or-featured", "t02": "disk-edge-on", "t03": "bar", "t04": "has-spiral-arms", "t05": "bulge-size"},
    **{"t06": "something-odd", "t07": "how-rounded", "t08": "odd-feature", "t09": "bulge-shape"},
    **{"t10": "spiral-winding", "t11": "spiral-arm-count"},
}


def reader(folder):
    keys = {"tree": "gz2", "label": "morphology", "classes": CLASSES}
    return GZ2Counts(folder=str(folder), size_px=8, cache="", max_unreadable_share=0.0, **keys)


def written(folder, columns):
    (folder / "images").mkdir()
    rows = {"1": {"t01_a01_smooth": 30, "t07_a16_completely_round": 30}, "2": {"t01_a02_features": 4}}
    for name in rows:
        (folder / "images" / f"{name}.jpg").touch()
    lines = [",".join(map(str, (n, 40, *(row.get(c, 0) for c in columns), "Er"))) for n, row in rows.items()]
    header = ",".join(("asset_id", "total_classifications", *columns, "gz2_class"))
    (folder / "votes.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder


@pytest.mark.parametrize(("column", "answer"), zip(COLUMNS, QUESTIONS.answers, strict=True))
def test_columns_stand_where_the_tree_has_their_answer(column, answer):
    assert answer.startswith(WORDS[column[:3]] + "_")
    said = {"yes": "yes", "bar": "yes", "spiral": "yes", "features": "disk", "shaped": "cigar", "rounded": "round"}
    last = column.rsplit("_", 1)[1]
    assert "_no" in answer if "_no_" in column else said.get(last, last) in answer


def test_votes_follow_the_names_not_the_places_of_the_columns(tmp_path):
    found = reader(written(tmp_path, COLUMNS[::-1])).read()
    assert found.votes[0, QUESTIONS.answers.index("smooth-or-featured_smooth")] == 30
    assert found.votes[0, QUESTIONS.answers.index("how-rounded_round")] == 30
    assert found.columns["morphology"].tolist() == ["round", "disk"]
    assert found.columns["gz2_class"].tolist() == ["Er", "Er"]
    np.testing.assert_array_equal(found.label, [0, 5])


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(DataError, match="no column 't11_a37_cant_tell'"):
        reader(written(tmp_path, COLUMNS[:-1])).read()


@pytest.mark.skipif(not REAL.is_dir(), reason="the real galaxies are not here")
def test_the_real_counts_agree_with_the_published_class():
    found = reader(REAL).read()
    assert len(found.ids) == 635
    np.testing.assert_array_equal(found.votes[:, :3].sum(axis=1), found.columns["total_classifications"])
    kind, published = found.columns["morphology"], found.columns["gz2_class"]
    round_ones = np.array([name == "Er" for name in published])
    assert (kind[round_ones] == "round").mean() > 0.9
    edge_on = np.array([name.startswith("Se") for name in published])
    assert np.isin(kind[edge_on], ["edge-on", "cigar"]).mean() > 0.9
