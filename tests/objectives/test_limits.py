import math

import pytest

from selfsup.objectives.limits import refuse_outside, refuse_single
from selfsup.types import ConfigError


def test_numbers_inside_and_on_the_edge_pass():
    refuse_outside(0, 1, low=0, high=1, between=0.5)
    refuse_outside(1, math.inf, width=10**9)


@pytest.mark.parametrize("number", [-0.1, 1.1, math.nan, math.inf])
def test_the_number_outside_is_named(number):
    with pytest.raises(ConfigError, match=rf"objective\.share: {number} is outside \[0, 1\]"):
        refuse_outside(0, 1, fine=0.5, share=number)


def test_one_galaxy_is_refused():
    refuse_single(2)
    with pytest.raises(ConfigError, match=r"trainer\.batch_size: 1 galaxy"):
        refuse_single(1)
