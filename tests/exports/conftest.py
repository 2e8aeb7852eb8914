"""A catalogue with a column of every kind, with values missing, in two shards."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from selfsup.catalogue import About, Catalogue
from selfsup.exports.content import Content

PROVENANCE = {"checkpoint": "runs/it's & <one>", "size_px": 64, "note": "spaces   within, " * 20}
ABOUT = {
    "ra": About("deg", "right ascension,\nJ2000"),
    "flux": About("nJy", "g band, <measured> & 'calibrated'"),
    "n": About(description="volunteers who were asked"),
}


@pytest.fixture
def columns():
    """Name -> values, None where one is missing."""
    return {
        "ra": [10.5, -0.25, None, 359.9999999999, float("nan")],
        "flux": pa.array([1.5, None, 3.5, 4.5, 5.5], pa.float32()),
        "n": [7, None, 2**53 + 1, -5, 0],
        "Class1.1": pa.array([0, 255, 7, 8, 9], pa.uint8()),
        "votes": pa.array([0, 2**32 - 1, None, 3, 4], pa.uint32()),
        "ring": [True, None, False, True, False],
        "whole": [True, False, False, True, False],
        "survey": ["sdss", "", None, "a,b\"c'd", "<&>"],
        "knn/label=1": pa.array(["a", "b", "a", None, "b"]).dictionary_encode(),
        "seen": [datetime.datetime(2026, 11, 20, 23, 50, second) for second in range(5)],
        "nothing": [None] * 5,
    }


@pytest.fixture
def catalogue(columns, tmp_path):
    """Ids, and values in place of those of the fixture -> a catalogue that is read from shards."""

    def made(ids=("007", "=1+1", "g 3", "-4", "5e3"), **others):
        embedding = np.arange(15, dtype=np.float32).reshape(5, 3) / 7
        values = {**columns, **others}
        about = {name: said for name, said in ABOUT.items() if name in values}
        folder = tmp_path / f"catalogue{len(list(tmp_path.iterdir()))}"
        Catalogue.from_arrays(list(ids), embedding, {}, PROVENANCE).append(values, about).save(folder, 3)
        return Catalogue.open(folder)

    return made


@pytest.fixture
def content():
    """A catalogue -> what is written of it."""

    def made(catalogue, columns=None, embedding=False):
        return Content(catalogue, columns, embedding, lambda rows: None)

    return made
