"""Eight classes: the class string says which, the votes say whether it is clear."""

from pathlib import Path

import numpy as np
import pytest

from selfsup.data.gz2_counts import COLUMNS
from selfsup.data.gz2_eight import REQUIRED, GZ2Eight
from selfsup.trees import tree
from selfsup.types import DataError

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "gz2_counts"
SMOOTH, FEATURED = {"t01_a01_smooth": 30}, {"t01_a01_smooth": 10, "t01_a02_features": 30}
FACE_ON = {**FEATURED, "t02_edgeon_a05_no": 28, "t02_edgeon_a04_yes": 2}
ODD = {"t06_odd_a14_yes": 20, "t06_odd_a15_no": 20}
GALAXIES = {
    "a": ("Er", {**SMOOTH, "t07_a16_completely_round": 20, "t07_a17_in_between": 10}, "round"),
    "b": ("Er", {**SMOOTH, "t07_a16_completely_round": 10, "t07_a17_in_between": 20}, ""),  # too few called it round
    "c": ("Ei(r)", {**SMOOTH, "t07_a17_in_between": 20}, "in-between"),  # a ring is odd, and no class of its own
    "d": ("Ec", {**SMOOTH, "t07_a18_cigar_shaped": 20}, "cigar"),
    "e": ("Ser", {**FEATURED, "t02_edgeon_a04_yes": 30}, "edge-on"),
    "f": ("SBc2m", {**FACE_ON, "t03_bar_a06_bar": 20, "t03_a07_no_bar": 8}, "barred"),
    "g": ("Sc?t", {**FACE_ON, "t03_bar_a06_bar": 2, "t03_a07_no_bar": 26}, "unbarred"),
    "h": ("Sb(m)", {**FACE_ON, **ODD, "t08_feature_a24_merger": 15, "t08_a38_dust_lane": 5}, "merger"),
    "i": ("Sd(i)", {**FACE_ON, **ODD, "t08_feature_a22_irregular": 15}, "irregular"),
    "j": ("Sb(m)", {**FACE_ON, "t06_odd_a15_no": 40, "t03_a07_no_bar": 28, "t08_feature_a24_merger": 5}, ""),
    "k": ("A", {"t01_a03_artifact": 40}, ""),
    "l": ("SBb", {**FACE_ON}, ""),  # nobody was asked about the bar
}


def reader(folder):
    keys = {"tree": "gz2", "label": "eight", "classes": list(REQUIRED)}
    return GZ2Eight(folder=str(folder), size_px=8, cache="", max_unreadable_share=0.0, **keys)


def written(folder, last="gz2_class"):
    (folder / "images").mkdir()
    lines = [",".join(("asset_id", *COLUMNS, last))]
    for name, (text, votes, _) in GALAXIES.items():
        (folder / "images" / f"{name}.jpg").touch()
        lines.append(",".join(map(str, (name, *(votes.get(column, 0) for column in COLUMNS), text))))
    (folder / "votes.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_thresholds_are_about_answers_of_the_tree():
    assert {answer for needs in REQUIRED.values() for answer in needs} <= set(tree("gz2").answers)


def test_each_galaxy_has_its_class_or_none(tmp_path):
    found = reader(written(tmp_path)).read()
    expected = {name: kind for name, (_, _, kind) in GALAXIES.items()}
    assert dict(zip(found.ids, found.columns["eight"], strict=True)) == expected
    assert found.classes == tuple(REQUIRED)
    unclear = [name for name, kind in expected.items() if not kind]
    assert [name for name, label in zip(found.ids, found.label, strict=True) if label < 0] == unclear


def test_without_class_strings_there_are_no_classes(tmp_path):
    with pytest.raises(DataError, match="no column 'gz2_class'"):
        reader(written(tmp_path, "another")).read()


@pytest.mark.skipif(not REAL.is_dir(), reason="the real galaxies are not here")
def test_of_the_real_ones_two_thirds_are_clear_and_every_class_is_there():
    found = reader(REAL).read()
    assert 0.6 < (found.label >= 0).mean() < 0.75
    assert len(np.unique(found.label[found.label >= 0])) == 8
