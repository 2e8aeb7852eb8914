from collections import Counter

import numpy as np
import pytest

from selfsup.sky import streams


def test_the_bits_of_philox_are_for_ever():
    bits = streams.intrinsic(7, 11).bit_generator.random_raw(3)
    assert bits.tolist() == [5785492562497320450, 2930549047625223640, 14544010770696083361]


def test_numpy_draws_what_it_drew():
    """If this fails, numpy changed a method of Generator: raise `streams.GENERATOR`, or caches hold other galaxies."""
    rng = streams.intrinsic(7, 11)
    assert rng.integers(1 << 62, size=2).tolist() == [1446373140624330112, 732637261906305910]
    assert rng.random(2).tolist() == [0.7884324037120634, 0.1380231221339886]
    assert rng.standard_normal(3).tolist() == [0.8183999455194437, 0.9981303344679291, -0.6575178378166293]
    assert rng.uniform(2, 3) == 2.73324262141664
    assert rng.beta(1.7, 1.5) == pytest.approx(0.9905117055023515, rel=1e-12)
    assert rng.poisson(25.0) == 25
    assert rng.lognormal(0, 1, 2).tolist() == pytest.approx([5.372784784440369, 0.10841618340275873], rel=1e-12)
    assert rng.random() == 0.33771951265006983


def test_a_stream_begins_anew_each_time():
    assert streams.field(3, 5).random(4).tolist() == streams.field(3, 5).random(4).tolist()


def test_streams_of_other_galaxies_and_purposes_share_nothing():
    drawn = [streams.intrinsic(seed, index).random(50) for seed in (0, 1) for index in (0, 1, 2**40)]
    drawn += [streams.field(0, 0).random(50), streams.position(0, 0).random(50), streams.texture(0).random(50)]
    drawn += [streams.observation(0, 0, survey, epoch).random(50) for survey in (0, 1) for epoch in (0, 1, 7)]
    drawn += [streams.votes(0, 0, survey).random(50) for survey in (0, 1)]
    assert len({number for numbers in drawn for number in numbers.tolist()}) == 50 * len(drawn)


def test_neighbouring_streams_are_not_correlated():
    numbers = np.array([streams.intrinsic(0, index).random(400) for index in range(40)])
    between = np.corrcoef(numbers)[np.triu_indices(40, 1)]
    assert between.std() == pytest.approx(1 / np.sqrt(400), rel=0.15)
    assert abs(between).max() < 4.5 / np.sqrt(400)


def test_pick_takes_each_as_often_as_its_share():
    rng = streams.intrinsic(0, 0)
    seen = Counter(streams.pick(rng, {"a": 3.0, "b": 1.0, "never": 0.0}) for _ in range(4000))
    assert seen["never"] == 0
    assert seen["a"] / 4000 == pytest.approx(0.75, abs=3 * np.sqrt(0.75 * 0.25 / 4000))
