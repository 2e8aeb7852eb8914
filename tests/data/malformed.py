"""Image files as they come: each either is a picture that can be told in advance, or none, for a reason."""

import io
import os
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, features

SIZE_PX = 32
RNG = np.random.default_rng(0)
TRUTH = np.asarray(
    Image.fromarray(RNG.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize(
        (SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC
    )
)
LARGE = Image.fromarray(TRUTH).resize((256, 256), Image.Resampling.BICUBIC)


@dataclass(frozen=True)
class Case:
    """A file: its bytes, or what makes it at a path; the picture, or a part of the reason why it is none."""

    made: bytes | Callable[[Path], object]
    shows: np.ndarray | str
    off_by: float = 0.0

    def write(self, file: Path) -> None:
        if callable(self.made):
            self.made(file)
        else:
            file.write_bytes(self.made)


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(stream, kind, **options)
    return stream.getvalue()


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(rows, bits, colour, *chunks, size=(SIZE_PX, SIZE_PX)):
    """Rows of bytes as a PNG with any header and further chunks."""
    header = struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, 0)
    packed = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", packed), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def grey(values):
    return np.repeat(np.asarray(values)[..., None], 3, axis=2)


def exif(orientation):
    told = Image.Exif()
    told[0x0112] = orientation
    return told


def last_scan(content):
    return [found.start() for found in re.finditer(b"\xff\xda", content)][-1]


def scan_bomb():
    content = encoded(Image.new("L", (2000, 2000), 128), "JPEG", progressive=True)
    return content[:-2] + content[last_scan(content) : -2] * 5000 + b"\xff\xd9"


def zeroed(content):
    """As a download that broke off leaves it where its room was made first."""
    return content[: len(content) // 2] + bytes(len(content) - len(content) // 2)


def long_file(file):
    with file.open("wb") as stream:
        stream.truncate(65 * 2**20)


JPEG = encoded(LARGE, "JPEG", quality=95)
PROGRESSIVE = encoded(LARGE, "JPEG", quality=95, progressive=True)
SMALL = encoded(TRUTH, "JPEG", quality=98, subsampling=0)
PALETTE = Image.fromarray(TRUTH).quantize(32)
DEEP = (np.arange(SIZE_PX**2, dtype=np.uint32).reshape(SIZE_PX, SIZE_PX) * 64).astype(np.uint16)
ALPHA = np.concatenate([TRUTH, np.arange(SIZE_PX**2).reshape(SIZE_PX, SIZE_PX, 1).astype(np.uint8)], axis=2)
ROWS = [row.tobytes() for row in TRUTH]
FLAT = np.full((SIZE_PX, SIZE_PX, 3), 200, np.uint8)
OTHERS = [Image.fromarray(TRUTH[::-1])]
FEW = [b"\0" * 30] * 10

PICTURES = {
    "rgb.png": Case(encoded(TRUTH), TRUTH),
    "named as the other.jpg": Case(encoded(TRUTH), TRUTH),
    "named as one.png": Case(SMALL, TRUTH, 3),
    "jpeg.jpg": Case(SMALL, TRUTH, 3),
    "jpeg with a suffix in capitals.JPEG": Case(SMALL, TRUTH, 3),
    "progressive.jpg": Case(encoded(TRUTH, "JPEG", quality=98, subsampling=0, progressive=True), TRUTH, 3),
    "grey.jpg": Case(encoded(TRUTH[..., 0], "JPEG", quality=98), grey(TRUTH[..., 0]), 3),
    "cmyk.jpg": Case(encoded(Image.fromarray(TRUTH).convert("CMYK"), "JPEG", quality=98), TRUTH, 6),
    "more behind its end.jpg": Case(SMALL + b"<html>" * 1000, TRUTH, 3),
    "a profile of three megabytes.jpg": Case(
        encoded(TRUTH, "JPEG", quality=98, icc_profile=bytes(3 * 10**6), subsampling=0), TRUTH, 4
    ),
    "a note that is none.jpg": Case(SMALL[:2] + b"\xff\xe1\0\x28Exif\0\0" + bytes(range(32)) + SMALL[2:], TRUTH, 3),
    "turned by its note.jpg": Case(
        encoded(TRUTH, "JPEG", quality=98, subsampling=0, exif=exif(6)), np.rot90(TRUTH, -1), 3
    ),
    "mirrored by its note.png": Case(encoded(TRUTH, exif=exif(2)), TRUTH[:, ::-1]),
    "palette.png": Case(encoded(PALETTE), np.asarray(PALETTE.convert("RGB"))),
    "palette of which all is transparent.png": Case(encoded(PALETTE, transparency=bytes(32)), 0 * TRUTH),
    "alpha.png": Case(encoded(ALPHA), np.rint(TRUTH * (ALPHA[..., 3:] / 255)), 1),
    "grey and alpha.png": Case(encoded(Image.new("LA", (SIZE_PX, SIZE_PX), (200, 0))), 0 * TRUTH),
    "one bit.png": Case(encoded(Image.new("1", (SIZE_PX, SIZE_PX), 1)), 0 * TRUTH + 255),
    "sixteen bits.png": Case(encoded(DEEP), grey(np.rint(DEEP / 257))),
    "sixteen bits of colour.png": Case(
        png([np.repeat(row[..., None], 2, -1).tobytes() for row in TRUTH], 16, 2), TRUTH, 1
    ),
    "one pixel.png": Case(encoded(FLAT[:1, :1]), FLAT),
    "of a colour that may end a torn one.jpg": Case(encoded(0 * TRUTH + 128, "JPEG"), 0 * TRUTH + 128, 1),
    "an area of one colour.jpg": Case(encoded(0 * TRUTH, "JPEG", optimize=True), 0 * TRUTH, 1),
    "link to the first.png": Case(lambda file: file.symlink_to("rgb.png"), TRUTH),
    "a line\nthat breaks.png": Case(encoded(TRUTH), TRUTH),
    "bytes that are no text \udce9\udcff.png": Case(encoded(TRUTH), TRUTH),
    "long" * 60 + ".png": Case(encoded(TRUTH), TRUTH),
    "CON.png": Case(encoded(TRUTH), TRUTH),
    "-rf.png": Case(encoded(TRUTH), TRUTH),
    "=cmd().png": Case(encoded(TRUTH), TRUTH),
    "<img src=x onerror=alert(1)>.png": Case(encoded(TRUTH), TRUTH),
    "星\u202e\u200b.png": Case(encoded(TRUTH), TRUTH),
    "folder.jpg/inside.png": Case(encoded(TRUTH), TRUTH),
}
FAULTS = {
    "no bytes.jpg": Case(b"", "empty file"),
    "zeros.jpg": Case(bytes(5000), "neither JPEG nor PNG"),
    "page.jpg": Case(b"<!DOCTYPE html><html>404</html>", "neither JPEG nor PNG"),
    "text.png": Case(b"not an image", "neither JPEG nor PNG"),
    "gif.jpg": Case(encoded(LARGE, "GIF"), "neither JPEG nor PNG"),
    "moving gif.png": Case(encoded(LARGE, "GIF", save_all=True, append_images=OTHERS), "neither JPEG nor PNG"),
    "tiff.jpg": Case(encoded(LARGE, "TIFF"), "neither JPEG nor PNG"),
    "bmp.jpg": Case(encoded(LARGE, "BMP"), "neither JPEG nor PNG"),
    "icon.png": Case(encoded(LARGE, "ICO"), "neither JPEG nor PNG"),
    "moving.png": Case(encoded(TRUTH, save_all=True, append_images=OTHERS), "an animation"),
    "torn.jpg": Case(JPEG[: len(JPEG) // 2], "truncated"),
    "torn, with an end put to it.jpg": Case(JPEG[: len(JPEG) // 2] + b"\xff\xd9", "truncated: its data end"),
    "torn, filled with zeros.jpg": Case(zeroed(JPEG), "truncated"),
    "with a hole.jpg": Case(JPEG[:9000] + bytes(2048) + JPEG[11048:], "or have a hole"),
    "torn progressive.jpg": Case(PROGRESSIVE[: len(PROGRESSIVE) // 2], "truncated"),
    "without its last scan.jpg": Case(PROGRESSIVE[: last_scan(PROGRESSIVE)] + b"\xff\xd9", "scans are missing"),
    "thousands of scans.jpg": Case(scan_bomb(), "more than 100 scans"),
    "torn between lines.png": Case(encoded(LARGE)[:-3000], "damaged image"),
    "fewer rows than announced.png": Case(png(FEW, 8, 2, size=(10, 101)), "damaged image"),
    "another checksum.png": Case(encoded(TRUTH).replace(b"IHDR", b"IHDX"), "damaged image"),
    "bomb of 12000 px.png": Case(png(FEW, 8, 2, size=(12000, 12000)), "12000 x 12000 pixels"),
    "bomb of 20000 px.png": Case(png(FEW, 8, 2, size=(20000, 20000)), "20000 x 20000 pixels"),
    "impossible size.png": Case(png(FEW, 8, 2, size=(2**31 - 1, 2**31 - 1)), "pixels"),
    "no width.png": Case(png(FEW, 8, 2, size=(0, 10)), "damaged image"),
    "strip.png": Case(encoded(Image.new("RGB", (3000, 2))), "a strip"),
    "bomb in a note.png": Case(png(ROWS, 8, 2, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8)))), "too large"),
    "bomb in a profile.png": Case(png(ROWS, 8, 2, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**8)))), "too large"),
    "a transparent value among deep ones.png": Case(
        png([bytes(192)] * 32, 16, 2, chunk(b"tRNS", bytes(6))), "transparent"
    ),
    "too long.png": Case(long_file, "more than 64 MiB"),
    "pipe.jpg": Case(os.mkfifo, "not a regular file"),
    "link out.jpg": Case(lambda file: file.symlink_to(file.parent.parent / "secret.png"), "leads out"),
    "link out of sight.jpg": Case(lambda file: file.symlink_to("/proc/self/environ"), "leads out"),
    "link to nothing.jpg": Case(lambda file: file.symlink_to("absent.jpg"), "cannot be opened"),
    "link to itself.jpg": Case(lambda file: file.symlink_to(file.name), "cannot be opened"),
}
if features.check("webp"):
    FAULTS["moving webp.png"] = Case(
        encoded(LARGE, "WEBP", save_all=True, append_images=[LARGE]), "neither JPEG nor PNG"
    )
if os.geteuid() != 0:
    FAULTS["not ours.png"] = Case(lambda file: file.touch(mode=0), "cannot be opened")


def write_all(folder: Path) -> None:
    """All of them; beside the folder lies a secret."""
    (folder.parent / "secret.png").write_bytes(encoded(TRUTH))
    for name, case in (PICTURES | FAULTS).items():
        (folder / name).parent.mkdir(exist_ok=True)
        case.write(folder / name)


def id_of(name: str) -> str:
    """The id that a file of this name has."""
    return os.fsencode(Path(name).stem).decode(errors="backslashreplace")
