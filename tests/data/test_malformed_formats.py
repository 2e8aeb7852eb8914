"""FITS and HDF5 files of images that are damaged, or announce more than they hold."""

import gzip
import io
import warnings

import numpy as np
import pytest

from selfsup.data.decode import Unreadable
from selfsup.data.fits_cutouts import planes_of
from selfsup.data.hdf5 import column_of, columns_of, images_of, opened_hdf5
from selfsup.types import DataError

h5py = pytest.importorskip("h5py")
fits = pytest.importorskip("astropy.io.fits")
pytestmark = [pytest.mark.promise("hostile"), pytest.mark.filterwarnings("ignore")]


def header(**cards):
    lines = [f"{key:<8}= {value:>20}".ljust(80) for key, value in cards.items()]
    text = "".join([*lines, "END".ljust(80)]).encode()
    return text + b" " * (-len(text) % 2880)


def image(**cards):
    return header(SIMPLE="T", BITPIX=8, **cards) + bytes(2880)


def written(*hdus):
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(stream)
    return stream.getvalue()


def tile_bomb():
    """A compressed image of 64 px, whose one tile unpacks to 128 MiB."""
    packed = fits.CompImageHDU(np.zeros((64, 64), np.int32), compression_type="GZIP_1", tile_shape=(64, 64))
    with fits.open(io.BytesIO(written(packed)), disable_image_compression=True) as opened:
        told = opened[1].header
    cells = np.array([np.frombuffer(gzip.compress(bytes(2**27)), np.uint8)], dtype=object)
    bomb = fits.BinTableHDU.from_columns([fits.Column("COMPRESSED_DATA", "1PB()", array=cells)])
    bomb.header.update({key: value for key, value in told.items() if key.startswith("Z")})
    return written(bomb)


FITS = {
    "nothing": b"",
    "a page": b"<html>",
    "compressed as a whole": gzip.compress(image(NAXIS=0)),
    "no image": image(NAXIS=0),
    "a billion columns of pixels": image(NAXIS=2, NAXIS1=10**9, NAXIS2=10),
    "a billion axes": image(NAXIS=10**9),
    "a thousand axes": image(NAXIS=1000),
    "axes that are not told": image(NAXIS=3),
    "an axis that runs backwards": image(NAXIS=2, NAXIS1=-5, NAXIS2=-5),
    "a billion columns of a table": image(NAXIS=0) + header(XTENSION="'BINTABLE'", TFIELDS=10**9),
    "twenty thousand extensions": image(NAXIS=0) + header(XTENSION="'IMAGE   '", BITPIX=8, NAXIS=0) * 20_000,
    "torn": written(fits.ImageHDU(np.ones((64, 64), np.float32)))[:-9000],
    "planes of two shapes": written(fits.ImageHDU(np.ones((4, 4))), fits.ImageHDU(np.ones((5, 5)))),
    "a tile that unpacks to anything": tile_bomb(),
}


@pytest.mark.parametrize("name", FITS)
def test_a_fits_file_is_refused_with_a_reason(name):
    with pytest.raises(Unreadable) as caught:
        planes_of(FITS[name], [1, 2] if name == "planes of two shapes" else None)
    assert caught.value.reason


def claims(h5):
    h5.create_dataset("images", (10**10, 3, 8, 8), "f4", chunks=(16, 3, 8, 8))


def with_images(name, **asked):
    def made(h5):
        h5["images"] = np.random.default_rng(0).random((5, 3, 8, 8)).astype(np.float32)
        h5.create_dataset(name, **asked)

    return made


def packed_ones(h5):
    with_images("c", shape=(5,), maxshape=(None,), dtype="f8", chunks=(4 * 10**8,), compression="gzip")(h5)


HDF5 = {
    "ten billion images": (claims, "of which 0 bytes are there"),
    "wide text": (with_images("c", shape=(5,), dtype="S1000000000", chunks=(1,)), "c"),
    "a wide chunk": (packed_ones, "too large"),
    "endless ids": (with_images("c", shape=(10**11,), dtype="i8", chunks=(16,)), "of which 0 bytes are there"),
}


@pytest.mark.parametrize("name", HDF5)
def test_an_hdf5_file_that_announces_more_than_it_holds_is_refused(name, tmp_path):
    make, says = HDF5[name]
    with h5py.File(tmp_path / "a.h5", "w") as h5:
        make(h5)
    with pytest.raises(DataError, match=says):
        read_all(tmp_path / "a.h5")


def read_all(file):
    with opened_hdf5(file) as h5:
        images_of(h5, "images", file)
        column_of(h5, "c", file)


def test_loops_and_references_are_no_columns(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as h5:
        h5["x"] = np.arange(5.0)
        h5["loop"], h5["soft"] = h5["/"], h5py.SoftLink("/soft")
        h5["out"] = h5py.ExternalLink("/etc/passwd", "x")
        h5.create_dataset("reference", (5,), h5py.ref_dtype)
        h5["complex"] = np.zeros(5, complex)
    with opened_hdf5(tmp_path / "a.h5") as h5:
        assert list(columns_of(h5, 5, tmp_path / "a.h5")) == ["x"]


def read_fits(content, _):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        planes_of(content, None)


def read_hdf5(content, file):
    file.write_bytes(content)
    with opened_hdf5(file) as h5:
        found = images_of(h5, "images", file)
        columns_of(h5, len(found), file)
        assert found[:2].ndim


def whole_hdf5():
    stream = io.BytesIO()
    with h5py.File(stream, "w") as h5:
        with_images("x", data=np.arange(5.0))(h5)
    return stream.getvalue()


@pytest.mark.promise("hostile", faults=150)
@pytest.mark.parametrize("read", [read_fits, read_hdf5])
def test_any_damage_is_a_reason_or_a_picture(read, tmp_path):
    rng = np.random.default_rng(0)
    whole = whole_hdf5() if read is read_hdf5 else written(fits.ImageHDU(np.ones((3, 16, 16), np.float32)))
    for _ in range(150):
        damaged = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 6000), rng.integers(1, 6)):
            damaged[place] = rng.integers(0, 256)
        try:
            read(bytes(damaged), tmp_path / "a.h5")
        except (Unreadable, DataError):
            continue


def with_texts(count):
    """A file of `count` texts of any length, and where their heap begins."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as h5:
        with_images("c", data=[f"galaxy {i}é" for i in range(count)], dtype=h5py.string_dtype())(h5)
    return stream.getvalue(), stream.getvalue().index(b"GCOL")


def text_column(content, file):
    file.write_bytes(content)
    with opened_hdf5(file) as h5:
        return column_of(h5, "c", file).tolist()


def test_texts_of_any_length_are_read_as_they_are(tmp_path):
    whole, _ = with_texts(300)
    assert text_column(whole, tmp_path / "a.h5") == [f"galaxy {i}é" for i in range(300)]


def test_a_heap_that_leads_in_circles_is_given_up(tmp_path, monkeypatch):
    whole, heap = with_texts(5)
    monkeypatch.setattr("selfsup.data.hdf5_texts.PATIENCE_S", 2.0)
    first = heap + 16  # the library's collection of objects: a head of 16 bytes, then number, uses, size, content
    circle = whole[:first] + bytes(16) + whole[first + 16 :]  # an object of no length, after which it looks again
    with pytest.raises(DataError, match=r"a.h5.*'c'.*damaged HDF5 file"):
        text_column(circle, tmp_path / "a.h5")


@pytest.mark.slow
@pytest.mark.promise("hostile", faults=60)
def test_any_damage_to_texts_is_a_reason_or_texts(tmp_path, monkeypatch):
    monkeypatch.setattr("selfsup.data.hdf5_texts.PATIENCE_S", 10.0)
    rng = np.random.default_rng(0)
    whole, heap = with_texts(5)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in heap + rng.integers(0, 200, rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        try:
            assert all(isinstance(text, str) for text in text_column(bytes(damaged), tmp_path / "a.h5"))
        except DataError:
            continue
