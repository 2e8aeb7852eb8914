"""An attribute is there, or it is not, or nobody knows."""

from pathlib import Path

import numpy as np
import pytest

from selfsup.data.efigi_attribute import EfigiAttribute
from selfsup.types import ConfigError, DataError

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "efigi"
STRENGTHS = {  # inner ring, outer ring -> answer
    "a": (0.5, 0.0, 1.0),
    "b": (0.0, 1.0, 1.0),
    "c": (0.0, 0.0, 0.0),
    "d": (0.25, 0.0, np.nan),  # between absent and present
    "e": (-1, 0.0, np.nan),  # one was not rated: who knows
    "f": (-1, 0.75, 1.0),  # the other is there all the same
}


def reader(folder, **changed):
    keys = {"tree": None, "label": "attribute", "classes": ["no-ring", "ring"]}
    keys |= {"attributes": ["Inner_Ring", "Outer_Ring"], "present_from": 0.5, "absent_to": 0.0, **changed}
    return EfigiAttribute(folder=str(folder), size_px=8, cache="", max_unreadable_share=0.0, **keys)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for name in STRENGTHS:
        (tmp_path / "images" / f"{name}.jpg").touch()
    rows = [f"{name},1.0,{inner},{outer}" for name, (inner, outer, _) in STRENGTHS.items()]
    (tmp_path / "attributes.csv").write_text("\n".join(["PGC_name,T,Inner_Ring,Outer_Ring", *rows]) + "\n")
    return tmp_path


def test_present_absent_and_unknown(folder):
    found = reader(folder).read()
    np.testing.assert_array_equal(found.columns["attribute"], [answer for _, _, answer in STRENGTHS.values()])
    assert found.columns["label"].tolist() == ["ring", "ring", "no-ring", "", "", "ring"]


def test_a_mistyped_attribute_is_named_with_the_nearest(folder):
    with pytest.raises(DataError, match=r"attributes\.csv: no column 'Iner_Ring'.*Inner_Ring"):
        reader(folder, attributes=["Iner_Ring"]).read()


@pytest.mark.parametrize("changed", [{"attributes": []}, {"absent_to": 0.5}])
def test_what_can_have_no_answer_is_refused(folder, changed):
    with pytest.raises(ConfigError, match="absent_to be less than present_from"):
        reader(folder, **changed).read()


@pytest.mark.skipif(not REAL.is_dir(), reason="the real galaxies are not here")
@pytest.mark.parametrize(("attributes", "present"), [(["Bar_Length"], 300), (["Perturbation"], 225)])
def test_the_real_attributes(attributes, present):
    found = reader(REAL, attributes=attributes, classes=["no", "yes"]).read()
    assert (found.label == 1).sum() == present
