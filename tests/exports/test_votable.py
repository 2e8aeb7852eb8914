"""VOTable as astropy reads it, strictly."""

import json
import re

import numpy as np
import pytest
from astropy import units
from astropy.io import votable

from selfsup.exports import content as exported
from selfsup.exports.votable import write_votable
from selfsup.types import DataError

IDS = ["007", "=1+1", "galaxié\U0001f30c", "-4", " g "]
DATATYPES = {
    **{"id": "unicodeChar", "ra": "double", "flux": "float", "n": "long", "Class1.1": "short", "votes": "long"},
    **{
        "ring": "short",
        "whole": "boolean",
        "survey": "char",
        "knn/label=1": "char",
        "seen": "char",
        "nothing": "double",
    },
    "embedding": "float",
}


@pytest.fixture
def read(catalogue, content, tmp_path):
    def made(**others):
        write_votable(content(catalogue(**{"ids": IDS, **others}), embedding=True), tmp_path / "c.vot")
        return votable.parse(tmp_path / "c.vot", verify="exception")

    return made


@pytest.mark.parametrize("rows", [2, 1000])
def test_astropy_reads_the_same_types_and_values(rows, read, monkeypatch):
    monkeypatch.setattr(exported, "BATCH_ROWS", rows)
    found = read().get_first_table()
    assert {field.name: field.datatype for field in found.fields} == DATATYPES
    table = found.to_table(use_names_over_ids=True)
    assert table["id"].tolist() == IDS
    assert table["n"].tolist() == [7, None, 2**53 + 1, -5, 0]
    assert table["votes"].tolist() == [0, 2**32 - 1, None, 3, 4]
    assert table["ring"].tolist() == [1, None, 0, 1, 0]
    assert table["whole"].tolist() == [True, False, False, True, False]
    assert table["survey"].tolist() == ["sdss", "", "", "a,b\"c'd", "<&>"]
    assert table["flux"].dtype == np.float32
    np.testing.assert_array_equal(np.ma.filled(table["ra"], np.nan), [10.5, -0.25, np.nan, 359.9999999999, np.nan])
    np.testing.assert_array_equal(table["embedding"], np.arange(15, dtype=np.float32).reshape(5, 3) / 7)


def test_units_descriptions_and_provenance_are_in_the_header(read, catalogue):
    document = read()
    fields = {field.name: field for field in document.get_first_table().fields}
    assert fields["ra"].unit == units.deg
    assert fields["ra"].description == "right ascension, J2000"
    assert fields["flux"].description == "g band, <measured> & 'calibrated'"
    (info,) = document.resources[0].infos
    assert json.loads(info.value) == catalogue().provenance


def test_nothing_is_a_table_too(catalogue, content, tmp_path):
    write_votable(content(catalogue().filter(np.zeros(5, dtype=bool))), tmp_path / "c.vot")
    assert len(votable.parse(tmp_path / "c.vot", verify="exception").get_first_table().to_table()) == 0


def test_text_that_would_end_in_its_middle_is_refused(read, tmp_path):
    with pytest.raises(DataError, match=re.escape(r"column 'id': 'a\x00b' has a NUL")):
        read(ids=["a\0b", *IDS[1:]])
    assert not (tmp_path / "c.vot").exists()


def test_identifiers_are_those_of_xml_and_differ(read):
    table = read(**{"knn label:1": [1] * 5, "2nd": [2] * 5}).get_first_table()
    marks = {field.name: field.ID for field in table.fields}
    assert (marks["knn/label=1"], marks["2nd"], marks["Class1.1"]) == ("knn_label_1", "_2nd", "Class1.1")
    assert len(set(marks.values())) == len(marks)
