"""Means of groups, added up in parts, are those of the whole."""

import math

import numpy as np

from selfsup.analysis.groups import by_size
from selfsup.analysis.tally import Tally


def test_parts_add_up_to_the_whole_in_the_order_of_the_numbering():
    rng = np.random.default_rng(0)
    raw = rng.choice([-1, 0, 1, 3], 200, p=[0.1, 0.2, 0.5, 0.2])  # nobody is in 2
    redshift = np.where(rng.uniform(size=200) < 0.2, np.nan, raw + rng.normal(size=200))
    form = np.where(rng.uniform(size=200) < 0.1, "", np.where(raw == 1, "disc", "merger")).astype(object)
    tally = Tally(4)
    for part in np.array_split(np.arange(200), 7):
        tally.add(raw[part], {"redshift": redshift[part], "form": form[part], "count": np.arange(200)[part]})
    rows, groups = tally.rows(), by_size(raw)
    assert [row["group"] for row in rows] == [0, 1, 2, -1]
    for row in rows:
        inside = groups == row["group"]
        assert row["galaxies"] == inside.sum()
        assert math.isclose(row["share"], inside.mean())
        assert math.isclose(row["redshift"], np.nanmean(redshift[inside]))
        assert math.isclose(row["count"], np.flatnonzero(inside).mean())
        assert row["form"] == ("disc" if row["group"] == 0 else "merger")
        assert row["form_share"] == 1.0


def test_the_commonest_word_has_its_share_and_what_nobody_knows_is_left_open():
    tally = Tally(1)
    words = np.array(["a", "b", "b", ""], dtype=object)
    tally.add(np.zeros(4, int), {"word": words, "none": np.full(4, ""), "number": np.full(4, np.nan)})
    (row,) = tally.rows()
    assert (row["word"], row["word_share"]) == ("b", 2 / 3)
    assert math.isnan(row["number"])
    assert row.get("none", "") == ""
