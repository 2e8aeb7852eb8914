"""Whether a PNG holds all the rows that it announces: Pillow takes a stream that ends early for the whole picture.

Portable Network Graphics (W3C, 2003), sections 7 to 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Colour type -> numbers of a pixel."""
_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row of each pass of an interlaced picture, and its steps."""
_PART = 2**20


def rows_are_missing(content: bytes) -> bool:
    """Bytes of a PNG with a sound header -> whether its data are shorter than its header says."""
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", content[16:29])
    wanted = 0
    for left, top, right, down in _ADAM7 if interlaced else _WHOLE:
        across, along = -(-(width - left) // right), -(-(height - top) // down)
        wanted += along * (1 + -(-across * bits * _SAMPLES.get(colour, 1) // 8)) if across > 0 else 0
    return sum(_inflated(content)) < wanted


def _inflated(content: bytes) -> Iterator[int]:
    """Lengths of the parts of the data."""
    unpacking = zlib.decompressobj()
    for data in _data(content):
        left = data
        while left and not unpacking.eof:
            yield len(unpacking.decompress(left, _PART))
            left = unpacking.unconsumed_tail


def _data(content: bytes) -> Iterator[bytes]:
    place = 8
    while place + 8 <= len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        if content[place + 4 : place + 8] == b"IDAT":
            yield content[place + 8 : place + 8 + length]
        place += 12 + length
