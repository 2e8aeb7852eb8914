"""`--help` is written without Hydra, for speed; it must stay what Hydra would print."""

import pytest


@pytest.mark.parametrize("spelling", ["--help", "-h"])
def test_the_short_way_says_what_hydra_says(spelling, selfsup):
    quick, whole = selfsup(spelling), selfsup(spelling, "seed=0")
    assert quick.code == whole.code == 0
    assert quick.out == whole.out
    assert "objective: " in quick.out
