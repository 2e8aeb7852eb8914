"""A validation part held out of train by hashed id, so that whatever a probe chooses, it chooses without the test part.

Depends on the galaxies' ids and never on the order in which a catalogue was written. The hash is salted, because a
survey's own train/test split may already be a checksum of the same ids: reusing that one would leave some of its
remainders empty inside train.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from selfsup.types import ConfigError, DataError


def hashed(ids: Sequence[str], salt: str) -> np.ndarray:
    """(N,) uint64, one reproducible pseudo-random number per id and salt.

    Not a CRC: that is linear, so with ids of equal length every salt would shuffle them in nearly the same way.
    """
    salted, digests = hashlib.blake2b(digest_size=8, key=salt.encode()), []
    for name in ids:
        each = salted.copy()  # the salt is taken in once
        each.update(name.encode())
        digests.append(each.digest())
    return np.frombuffer(b"".join(digests), dtype="<u8")


def inner_validation(ids: Sequence[str], strata: np.ndarray, share: float) -> np.ndarray:
    """(N,) bool, the rows of train to validate on: `share` of each stratum, at least one of it, and never all of it.

    Raises:
        DataError: no stratum has two rows.
    """
    order = hashed(ids, "inner validation")
    held_out = np.zeros(len(ids), dtype=bool)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        count = min(max(1, round(share * len(members))), len(members) - 1)
        held_out[members[np.argsort(order[members], kind="stable")[:count]]] = True
    if not held_out.any():
        raise DataError(
            f"None of the {len(np.unique(strata))} classes in the train catalogue has two galaxies, so nothing can "
            f"be held out to choose a setting on. Use more galaxies, or a column with fewer classes."
        )
    return held_out


def require_share(share: float, key: str) -> float:
    """The share, if it can be a validation part; raises ConfigError if it is not inside (0, 1)."""
    if not 0 < share < 1:
        raise ConfigError(f"{key}={share} must lie between 0 and 1, both excluded: write {key}=0.2.")
    return float(share)


def require_positive(values: Sequence[float], key: str) -> list[float]:
    """The values in ascending order, without duplicates; raises ConfigError if there is none or one is not above 0."""
    if not len(values) or not all(value > 0 for value in values):
        raise ConfigError(f"{key}={list(values)} must list at least one number, all above 0: write {key}=[1,10].")
    return sorted(set(values))
