"""One image file becomes one square of pixels, or a reason why not: a file is hostile until it has been read.

Everything that a file claims is checked before it costs anything: that it is a regular file (a pipe would block for
ever), its bytes, then the pixels its header announces (a 17 kB PNG can ask for 400 MB). What cannot be read in full is
refused, never filled up: half a galaxy on a constant ground is a wrong measurement, not a missing one.
"""

from __future__ import annotations

import io
import os
import random
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from selfsup.data.jpeg_scans import scans_of
from selfsup.data.png_rows import rows_are_missing

MAX_BYTES = 64 * 2**20
"""A losslessly packed image of MAX_PIXELS with 16 bits is just about this long."""

MAX_PIXELS = 6000 * 6000
"""108 MB as RGB in each decoding thread; survey cut-outs have a thousandth of it."""

MAX_RATIO = 20
"""Of the longer side to the shorter: a strip has no centre square that shows a galaxy."""

_JPEG = b"\xff\xd8\xff"
_GREY = range(126, 131)
"""What a JPEG that breaks off ends in: 128, and what colours and rounding make of it."""

_MALFORMED = (
    OSError,  # truncated, undecodable
    SyntaxError,  # how Pillow reports a broken header or chunk
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Warning,  # raised where the caller made Pillow's warnings errors, as `pack` does
)
"""What Pillow raises on bytes that are not the image they claim to be."""

_MORE = random.Random(0).randbytes(4096).replace(b"\xff", b"")
"""Bits that say something else than grey."""

_HOLE = bytes(64)
"""In coded data so many zeros are a lost part of the file, or a large area of one colour."""

_LAST = 8
"""Bytes of coded data that tell the last pixels."""


class Unreadable(Exception):
    """A file that is no usable image.

    Args:
        reason: what is wrong with it, in a few words without the file's name.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_image(file: Path, size_px: int) -> np.ndarray:
    """File -> (size_px, size_px, 3) uint8: upright, RGB, alpha over black, centre square, resampled with antialiasing.

    Raises:
        Unreadable: not a regular file, too large, neither JPEG nor PNG (whatever its suffix), truncated, animated.
    """
    return decode_image(content_of(file), size_px)


def decode_image(content: bytes, size_px: int) -> np.ndarray:
    """The same of a file's bytes.

    Raises:
        Unreadable: too large, neither JPEG nor PNG, truncated, animated.
    """
    # Other libraries switch this on for the whole process, and then truncated files pass.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    _refuse_too_long(content)
    try:
        end = _end_of_scans(content) if content.startswith(_JPEG) else 0
        image = _loaded(content, size_px)
        if end:
            _refuse_early_end(image, content, end, size_px)
        elif not image.crop((0, image.height - 1, *image.size)).getbbox() and rows_are_missing(content):
            raise Unreadable("damaged image: fewer rows than announced")
        return _squared(_rgb(_upright(image)), size_px)
    except _MALFORMED as error:
        raise Unreadable(f"damaged image: {error}") from error


def content_of(file: Path) -> bytes:
    """All bytes of a regular file; the descriptor that was checked is the one that is read.

    Raises:
        Unreadable: not a regular file, empty, or too large.
    """
    try:
        # Without O_NONBLOCK, opening a pipe waits for a writer.
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        raise Unreadable(f"cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    try:
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable("not a regular file")
            # Room is made for all that is asked for, so that asking for MAX_BYTES at once takes longer than reading.
            content = stream.read(min(status.st_size, MAX_BYTES) + 1)
            if len(content) > status.st_size:
                content += stream.read(MAX_BYTES + 1 - len(content))
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    if not content:
        raise Unreadable("empty file")
    _refuse_too_long(content)
    return content


def _refuse_too_long(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise Unreadable(f"more than {MAX_BYTES // 2**20} MiB")


def square_of(pixels: np.ndarray, size_px: int) -> np.ndarray:
    """(H, W, 3) uint8 -> its centre square, (size_px, size_px, 3) uint8, resampled with antialiasing.

    Raises:
        Unreadable: too many pixels, or a strip.
    """
    _refuse_shape(pixels.shape[1], pixels.shape[0])
    return _squared(Image.fromarray(np.ascontiguousarray(pixels)), size_px)


def _loaded(content: bytes, size_px: int) -> ImageFile.ImageFile:
    """Bytes -> image, decoded at no less than twice the target's size."""
    image = _opened(content)
    # The decoder's own halving costs nothing in quality while twice the target is left for the resampling.
    image.draft(None, (2 * size_px, 2 * size_px))
    image.load()
    return image


def _opened(content: bytes) -> ImageFile.ImageFile:
    """Bytes -> image whose header alone has been read, chosen by its first bytes."""
    # The two readers are named, so that none of Pillow's other forty formats is reachable.
    image: ImageFile.ImageFile
    if content.startswith(_JPEG):
        image = JpegImageFile(io.BytesIO(content))
    elif content.startswith(b"\x89PNG\r\n\x1a\n"):
        image = PngImageFile(io.BytesIO(content))
        _refuse_key(image, bits=content[24])
    else:
        raise Unreadable("neither JPEG nor PNG")
    _refuse_shape(*image.size)
    if getattr(image, "is_animated", False):
        raise Unreadable("an animation")
    return image


def _refuse_shape(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Unreadable(f"{width} x {height} pixels, more than {MAX_PIXELS // 10**6} million")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise Unreadable(f"{width} x {height} pixels: a strip, more than {MAX_RATIO} times as long as wide")


def _refuse_key(image: PngImageFile, bits: int) -> None:
    """Raise where one value means transparent and Pillow would look for it among pixels that it has rescaled."""
    if isinstance(image.info.get("transparency"), int | tuple) and bits not in (1, 8):
        raise Unreadable(f"{bits}-bit pixels of which one value is transparent; write an alpha channel")


def _end_of_scans(content: bytes) -> int:
    """Where the end of a JPEG is marked; Unreadable where scans are missing, or too many."""
    scans = scans_of(content)
    if scans.fault:
        raise Unreadable(f"damaged image: {scans.fault}")
    return scans.end


def _refuse_early_end(image: ImageFile.ImageFile, content: bytes, end: int, size_px: int) -> None:
    """Raise where the coded data stop before the picture does, which libjpeg fills with grey, or are left over.

    Further bits before the end are passed over where the picture is whole, and change it where it is not. Without the
    last bits the picture is another, unless others before them, such as the zeros of a hole, were taken for it.
    """
    last = image.getpixel((image.width - 1, image.height - 1))
    is_grey = all(value in _GREY for value in (last if isinstance(last, tuple) else (last,)))
    if not is_grey and _HOLE not in content[:end]:
        return
    other = content[:end] + _MORE + content[end:] if is_grey else content[: end - _LAST] + content[end:]
    _end_of_scans(other)
    if (_loaded(other, size_px).tobytes() == image.tobytes()) is not is_grey:
        raise Unreadable("damaged image: truncated: its data end before it does, or have a hole")


def _upright(image: Image.Image) -> Image.Image:
    """Turned as the camera's EXIF note asks."""
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode -> RGB."""
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow's own conversion would clip at 255
        grey = np.rint(np.asarray(image, dtype=np.float64) / 257.0)
        image = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        colour = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", colour.size, (0, 0, 0, 255)), colour).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _squared(image: Image.Image, size_px: int) -> np.ndarray:
    """RGB image -> its centre square, (size_px, size_px, 3) uint8."""
    width, height = image.size
    if width != height:
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    if image.width != size_px:
        image = image.resize((size_px, size_px), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.uint8)
