"""FITS files of the layouts that cut-out services hand out, and files that only claim to be FITS."""

import io

import numpy as np
import pytest

from selfsup.data.decode import Unreadable
from selfsup.data.fits_cutouts import FitsCutouts, planes_of
from selfsup.data.packed import pack
from selfsup.types import ConfigError, DataError

fits = pytest.importorskip("astropy.io.fits")
FLUX = np.arange(3 * 8 * 8, dtype=np.float32).reshape(3, 8, 8) / 1000


def content(*hdus):
    stream = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(stream)
    return stream.getvalue()


def reader(folder, **keys):
    values = {"hdus": None, "table": None, "id_column": None, "tree": None, "label": None, "classes": None}
    shown = {"bands": [2, 1, 0], "scale": [1.0, 1.0, 1.0], "softening": 8.0, "black": 0.0, "max_missing_share": 0.1}
    shared = {"folder": str(folder), "size_px": 8, "cache": str(folder / "cache"), "max_unreadable_share": 0.5}
    return FitsCutouts(**shared, **{**values, **shown, **keys})


def test_a_cube_a_plane_and_several_extensions_are_read():
    np.testing.assert_array_equal(planes_of(content(fits.PrimaryHDU(FLUX)), None), FLUX)
    np.testing.assert_array_equal(planes_of(content(fits.PrimaryHDU(FLUX[0])), None), FLUX[:1])
    named = [fits.ImageHDU(plane, name=band) for plane, band in zip(FLUX, "GRZ", strict=True)]
    several = content(fits.PrimaryHDU(), *named)
    np.testing.assert_array_equal(planes_of(several, ["Z", "G"]), FLUX[[2, 0]])
    np.testing.assert_array_equal(planes_of(several, None), FLUX[:1])


def test_scaled_and_compressed_images_are_unpacked():
    counts = fits.PrimaryHDU((FLUX[0] * 1000).astype(np.int16))
    counts.header["BSCALE"], counts.header["BZERO"] = 0.001, 1.0
    np.testing.assert_allclose(planes_of(content(counts), None)[0], FLUX[0] + 1, atol=1e-6)
    packed = fits.CompImageHDU((FLUX[0] * 1000).astype(np.int16), compression_type="RICE_1")
    np.testing.assert_array_equal(planes_of(content(fits.PrimaryHDU(), packed), None)[0], FLUX[0] * 1000)


def announcing(axis):
    """A header of 2880 bytes that announces any size, and nothing behind it."""
    cards = ["SIMPLE  =                    T", "BITPIX  =                  -64", "NAXIS   =                    2"]
    cards += [f"NAXIS1  = {axis:20d}", f"NAXIS2  = {axis:20d}", "END"]
    return "".join(f"{card:80s}" for card in cards).ljust(2880).encode()


WHOLE = content(fits.PrimaryHDU(FLUX))


@pytest.mark.parametrize(
    ("bytes_", "hdus"),
    [
        (b"<!DOCTYPE html><html>404</html>", None),
        (b"\x1f\x8b" + WHOLE, None),
        (b"SIMPLE  =", None),
        (WHOLE[:2880], None),
        (WHOLE[:-2880], None),
        (announcing(10**9), None),
        (announcing(20000), None),
        (WHOLE, [1]),
        (WHOLE, ["SCI"]),
        (content(fits.PrimaryHDU()), None),
        (content(fits.PrimaryHDU(FLUX), fits.BinTableHDU.from_columns([fits.Column("a", "E", array=[1.0])])), [1]),
        (content(fits.PrimaryHDU(FLUX[0]), fits.ImageHDU(FLUX[0, :4])), [0, 1]),
        (content(fits.PrimaryHDU(FLUX[None])), None),
    ],
)
@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")
def test_what_is_no_cut_out_is_refused_with_a_reason(bytes_, hdus):
    with pytest.raises(Unreadable) as caught:
        planes_of(bytes_, hdus)
    assert caught.value.reason


def test_a_folder_is_packed_and_the_damaged_are_named(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.fits").write_bytes(content(fits.PrimaryHDU(FLUX)))
    (tmp_path / "sub" / "b.fits").write_bytes(WHOLE[:-2880])
    (tmp_path / "sub" / "c.fits").write_bytes(content(fits.PrimaryHDU(FLUX[::-1])))
    (tmp_path / "table.csv").write_text("id,z\nc,0.3\na,0.1\n")
    source = reader(tmp_path, table="table.csv", label="z")
    found = source.read()
    assert found.ids == ["a", "b", "c"]
    np.testing.assert_array_equal(found.columns["z"], [0.1, np.nan, 0.3])
    packed = pack(source.pictures(found), source.cache, 0.5)
    assert packed.ids == ["a", "c"]
    assert packed.unreadable[0][0] == "b"
    np.testing.assert_array_equal(packed.images[0], packed.images[1][..., ::-1])


def test_another_stretch_is_another_packed_set(tmp_path):
    (tmp_path / "a.fits").write_bytes(WHOLE)
    prints = set()
    for keys in ({}, {"softening": 9.0}, {"bands": [0, 1, 2]}, {"hdus": [0]}):
        source = reader(tmp_path, **keys)
        prints.add("".join(source.pictures(source.read()).fingerprint()))
    assert len(prints) == 4


def test_a_folder_without_files_and_a_tree_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"no image \(\.fits"):
        reader(tmp_path).read()
    with pytest.raises(ConfigError, match=r"data\.tree"):
        reader(tmp_path, tree="gz2").read()
