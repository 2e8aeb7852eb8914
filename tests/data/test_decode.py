"""One file becomes one square, or a reason why not."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from selfsup.data import decode
from selfsup.data.decode import Unreadable, decode_image, read_image, square_of


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(size=(32, 32), seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def bomb(width, height):
    """A PNG of a few bytes that announces any size."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.fixture
def read(tmp_path):
    def read(content, size_px=16, name="galaxy.jpg"):
        file = tmp_path / name
        file.write_bytes(content)
        return read_image(file, size_px)

    return read


def test_an_image_of_the_right_size_is_kept_to_the_bit(read):
    image = noise((16, 16))
    pixels = read(encoded(image), 16)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.asarray(image))


def test_the_format_is_read_from_the_content_not_from_the_suffix(read):
    assert read(encoded(noise()), name="png.jpg").shape == (16, 16, 3)
    assert read(encoded(noise(), "JPEG"), name="jpeg.png").shape == (16, 16, 3)


def test_the_centre_square_is_kept(read):
    image = Image.new("RGB", (64, 32), "red")
    image.paste((0, 0, 255), (16, 0, 48, 32))
    assert np.all(read(encoded(image)) == (0, 0, 255))


def test_exif_orientation_is_applied(read):
    image = Image.new("RGB", (32, 32))
    image.paste((255, 255, 255), (0, 0, 32, 16))
    exif = Image.Exif()
    exif[0x0112] = 3
    assert read(encoded(image, "JPEG", quality=95))[0].mean() > 250
    assert read(encoded(image, "JPEG", quality=95, exif=exif))[0].mean() < 5


def test_a_large_image_is_resampled_with_antialiasing(read):
    stripes = np.zeros((512, 512, 3), dtype=np.uint8)
    stripes[::2] = 255
    for kind in ("PNG", "JPEG"):
        pixels = read(encoded(Image.fromarray(stripes), kind), 16)
        assert np.abs(pixels.astype(int) - 127).max() < 12


def test_a_jpeg_read_at_a_fraction_looks_like_one_read_in_full(read):
    smooth = noise((24, 24)).resize((512, 512), Image.Resampling.BICUBIC)
    drafted = read(encoded(smooth, "JPEG", quality=95), 32).astype(int)
    full = read(encoded(smooth), 32).astype(int)
    assert np.abs(drafted - full).mean() < 2


def test_sixteen_bit_grey_is_scaled(read):
    values = np.array([[0, 257 * 10], [257 * 100 + 3, 65535]], dtype=np.uint16)
    pixels = read(encoded(Image.fromarray(values)), 2)
    np.testing.assert_array_equal(pixels[..., 0], [[0, 10], [100, 255]])
    assert np.ptp(pixels, axis=2).max() == 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_every_mode_becomes_rgb(read, mode):
    white = Image.new("RGBA", (16, 16), "white").convert(mode)
    assert np.all(read(encoded(white)) == 255)


def test_cmyk_becomes_rgb(read):
    red = read(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")).astype(int)
    assert np.abs(red - (255, 0, 0)).max() < 6


def test_transparency_is_laid_over_black(read):
    assert np.all(read(encoded(Image.new("RGBA", (16, 16), (255, 255, 255, 0)))) == 0)
    palette = noise((16, 16)).quantize(4)
    assert np.all(read(encoded(palette, transparency=bytes(4))) == 0)


def test_an_interlaced_and_a_progressive_image_are_read(read):
    assert read(encoded(noise(), "JPEG", progressive=True)).shape == (16, 16, 3)


MALFORMED = {
    "empty": b"",
    "html": b"<!DOCTYPE html><html>404</html>",
    "text": b"not an image",
    "gif": encoded(noise(), "GIF"),
    "tiff": encoded(noise(), "TIFF"),
    "bmp": encoded(noise(), "BMP"),
    "magic alone": b"\x89PNG\r\n\x1a\n",
    "jpeg magic alone": b"\xff\xd8\xff",
    "zeros": bytes(5000),
    "bomb": bomb(12000, 12000),
    "large bomb": bomb(20000, 20000),
    "impossible size": bomb(2**31 - 1, 2**31 - 1),
    "no width": bomb(0, 10),
    "fewer rows than announced": bomb(300, 300),
    "animation": encoded(noise(), save_all=True, append_images=[noise(seed=1)]),
    "truncated png": encoded(noise())[:-1500],
    "truncated jpeg": encoded(noise((256, 256)), "JPEG")[:-4000],
    "truncated progressive jpeg": encoded(noise((256, 256)), "JPEG", progressive=True)[:-4000],
    "half a jpeg header": encoded(noise(), "JPEG")[:100],
    "broken checksum": encoded(noise()).replace(b"IHDR", b"IHDX"),
}


def test_bytes_are_read_as_files_are(read):
    content = encoded(noise((40, 32)), "JPEG")
    np.testing.assert_array_equal(decode_image(content, 16), read(content))


def test_pixels_are_squared_as_files_are(read):
    image = noise((40, 32))
    np.testing.assert_array_equal(square_of(np.asarray(image), 16), read(encoded(image)))


@pytest.mark.promise("hostile")
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_files_are_refused_with_a_reason(read, name):
    with pytest.raises(Unreadable) as caught:
        read(MALFORMED[name])
    assert caught.value.reason


@pytest.mark.promise("hostile", faults=300)
def test_any_damage_is_a_refusal_or_an_image_never_a_crash(read):
    rng = np.random.default_rng(0)
    refused = 0
    for kind in ("PNG", "JPEG"):
        whole = bytearray(encoded(noise(), kind))
        for _ in range(150):
            damaged = bytearray(whole)
            for place in rng.integers(0, len(whole), 4):
                damaged[place] = rng.integers(0, 256)
            try:
                assert read(bytes(damaged)).shape == (16, 16, 3)
            except Unreadable:
                refused += 1
    assert refused > 100


def test_truncated_files_are_refused_whatever_other_libraries_switched_on(read, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(Unreadable, match="truncated"):
        read(MALFORMED["truncated jpeg"])


def test_a_bomb_is_refused_by_its_header(read, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(Unreadable, match="12000 x 12000 pixels"):
        read(MALFORMED["bomb"])


def test_a_file_of_too_many_bytes_is_refused(read, monkeypatch):
    monkeypatch.setattr(decode, "MAX_BYTES", 2**20)
    with pytest.raises(Unreadable, match="more than 1 MiB"):
        read(encoded(noise()) + bytes(2**20))


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    for name in ("pipe.jpg", "folder.jpg", "loop.jpg", "absent.jpg"):
        with pytest.raises(Unreadable):
            read_image(tmp_path / name, 16)
