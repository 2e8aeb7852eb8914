"""The scans of a JPEG, found without decoding: a file can lack some of them, or ask for any number of passes.

ITU-T T.81 (1992), annex B. A decoder makes up what a file that breaks off does not say, and each scan of a few bytes
has it go through the whole picture again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

MOST_SCANS = 100
"""Encoders write ten."""

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
"""What can follow coded data: neither a stuffed byte nor a restart."""
_START_OF_SCAN, _END = 0xDA, 0xD9
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_COEFFICIENTS = 64


class Scans(NamedTuple):
    """What was found.

    Args:
        fault: why the picture cannot be whole; "" where it can.
        end: where the mark of the end lies.
    """

    fault: str
    end: int


def scans_of(content: bytes) -> Scans:
    """Walk through the markers of a JPEG up to the end of its picture."""
    expected: set[int] = set()
    said: set[int] = set()
    count = 0
    for place, marker in _markers(content):
        if marker == _END:
            return Scans("" if said >= expected else "truncated: scans are missing", place)
        segment = content[place + 4 : place + 4 + int.from_bytes(content[place + 2 : place + 4])]
        if marker in _FRAMES and len(segment) > 5:
            expected = {_COEFFICIENTS * id + k for id in segment[6 : 6 + 3 * segment[5] : 3] for k in range(64)}
        elif marker == _START_OF_SCAN:
            count += 1
            if count > MOST_SCANS:
                return Scans(f"more than {MOST_SCANS} scans", place)
            said |= _finished(segment)
    return Scans("truncated: no end", len(content))


def _markers(content: bytes) -> Iterator[tuple[int, int]]:
    place = 2
    while found := _MARKER.search(content, place):
        place, marker = found.start(), found.group()[1]
        yield place, marker
        place += 2 + int.from_bytes(content[place + 2 : place + 4])


def _finished(header: bytes) -> set[int]:
    """The coefficients of each component of which a scan tells the last bit."""
    count = header[0] if header else 0
    first, last, bits = header[1 + 2 * count : 4 + 2 * count].ljust(3, b"\xff")
    if bits & 15:
        return set()
    return {_COEFFICIENTS * id + k for id in header[1 : 1 + 2 * count : 2] for k in range(first, last + 1)}
