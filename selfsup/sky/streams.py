"""Random numbers counted, not drawn in a row: each galaxy has its own streams, one for each purpose.

Philox (Salmon et al. 2011) makes the n-th number of a stream a function of (key, counter), so galaxy i of sky s is the
same whatever was drawn before it, by whom, and in which order. numpy keeps the bits of Philox for ever, and the methods
of its Generator within a version (NEP 19).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

T = TypeVar("T")

GENERATOR = 1
"""Raised when the same (seed, index) would give another galaxy, image or vote: it is part of every fingerprint."""

INTRINSIC, FIELD = 0, 1
OBSERVATION, VOTES = 2, 3
"""Purposes. These two also depend on the survey, and an observation on its epoch: their numbers begin at 18."""
POSITION = 4


def intrinsic(seed: int, index: int) -> np.random.Generator:
    """What the galaxy is."""
    return _stream(seed, index, INTRINSIC)


def field(seed: int, index: int) -> np.random.Generator:
    """The stars and galaxies around it, the same in every survey."""
    return _stream(seed, index, FIELD)


def observation(seed: int, index: int, survey: int, epoch: int) -> np.random.Generator:
    """The noise, seeing and calibration of one exposure.

    Args:
        seed: of the sky.
        index: of the galaxy.
        survey: its number, `Survey.number`.
        epoch: number of the exposure; another one is the same galaxy seen again.
    """
    return _stream(seed, index, OBSERVATION + 16 * (1 + survey) + (epoch << 20))


def votes(seed: int, index: int, survey: int) -> np.random.Generator:
    """What volunteers make of it."""
    return _stream(seed, index, VOTES + 16 * (1 + survey))


def position(seed: int, index: int) -> np.random.Generator:
    """Where on the sky it is."""
    return _stream(seed, index, POSITION)


def texture(texture_seed: int) -> np.random.Generator:
    """Noise painted on one disc."""
    return np.random.Generator(np.random.Philox(texture_seed))


def pick(rng: np.random.Generator, shares: Mapping[T, float]) -> T:
    """One of the keys, each as often as its share says; one number of the stream."""
    left = rng.random() * sum(shares.values())
    for key, share in shares.items():
        left -= share
        if left < 0:
            return key
    return key


def _stream(seed: int, index: int, purpose: int) -> np.random.Generator:
    key = np.array([seed, index], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=np.array([0, 0, 0, purpose], dtype=np.uint64)))
