"""Rings and non-rings."""

from pathlib import Path

import numpy as np
import pytest

from selfsup.data.rings_decals import RingsDecals
from selfsup.types import ConfigError, DataError

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "rings_decals"


def reader(folder, **keys):
    values = {"tree": None, "label": "ring", "classes": ["no-ring", "ring"], **keys}
    return RingsDecals(folder=str(folder), size_px=8, cache="", max_unreadable_share=0.0, **values)


def written(folder, text):
    (folder / "images").mkdir()
    for name in ("J0+01.2", "J0-01.2", "J1+00.0"):
        (folder / "images" / f"{name}.jpg").touch()
    (folder / "labels.csv").write_text(text)
    return folder


def test_zero_and_one_are_no_ring_and_ring(tmp_path):
    found = reader(written(tmp_path, "id_str,ring\nJ0-01.2,0\nJ0+01.2,1\n")).read()
    assert found.ids == ["J0+01.2", "J0-01.2", "J1+00.0"]
    np.testing.assert_array_equal(found.label, [1, 0, -1])
    assert found.columns["label"].tolist() == ["ring", "no-ring", ""]
    np.testing.assert_array_equal(found.columns["ring"], [1, 0, np.nan])


def test_another_value_is_refused(tmp_path):
    with pytest.raises(DataError, match="has 2, not among"):
        reader(written(tmp_path, "id_str,ring\nJ0-01.2,2\nJ0+01.2,1\n")).read()


def test_a_tree_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="null"):
        reader(written(tmp_path, "id_str,ring\nJ0-01.2,0\n"), tree="rings").read()


@pytest.mark.skipif(not REAL.is_dir(), reason="the real galaxies are not here")
def test_the_real_rings():
    found = reader(REAL).read()
    assert np.bincount(found.label).tolist() == [235, 235]
