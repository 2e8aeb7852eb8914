"""Attributes that were not rated are missing; a T-type of -1 is a lenticular galaxy."""

from pathlib import Path

import numpy as np
import pytest

from selfsup.data.efigi import Efigi

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "efigi"


def reader(folder):
    keys = {"tree": None, "label": "T", "classes": None}
    return Efigi(folder=str(folder), size_px=8, cache="", max_unreadable_share=0.0, **keys)


def test_minus_one_is_a_value_of_the_type_alone(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("PGC0000001", "PGC0000002", "PGC0000003"):
        (tmp_path / "images" / f"{name}.jpg").touch()
    table = "PGC_name,T,T_inf,T_sup,Bar_Length\nPGC0000002,-1.0,-2,-1,-1.0\nPGC0000001,5.0,4,6,0.25\n"
    (tmp_path / "attributes.csv").write_text(table)
    found = reader(tmp_path).read()
    np.testing.assert_array_equal(found.label, [5.0, -1.0, np.nan])
    assert found.label.dtype == np.float32
    assert found.classes == ()
    np.testing.assert_array_equal(found.columns["T_sup"], [6, -1, np.nan])
    np.testing.assert_array_equal(found.columns["Bar_Length"], [0.25, np.nan, np.nan])


@pytest.mark.skipif(not REAL.is_dir(), reason="the real galaxies are not here")
def test_the_real_attributes():
    found = reader(REAL).read()
    assert len(found.ids) == 1200
    assert found.label.min() == -6
    assert np.isfinite(found.label).all()
    attributes = [name for name in found.columns if name not in ("T", "T_inf", "T_sup", "label")]
    assert len(attributes) == 16 * 3
    assert min(np.nanmin(found.columns[name]) for name in attributes) == 0
    assert np.isnan(found.columns["Arm_Curvature"]).any()
